// Each service of the contract: its definition, served from the table of its RPCs.

import type { FileRegistry } from '@bufbuild/protobuf';
import type { Server, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { AccessServiceService } from '../../generated/ts/tollgate/v1/access_service.js';
import { AdminServiceService } from '../../generated/ts/tollgate/v1/admin_service.js';
import { CatalogServiceService } from '../../generated/ts/tollgate/v1/catalog_service.js';
import { CorrectionServiceService } from '../../generated/ts/tollgate/v1/correction_service.js';
import { InvoiceServiceService } from '../../generated/ts/tollgate/v1/invoice_service.js';
import { NotificationServiceService } from '../../generated/ts/tollgate/v1/notification_service.js';
import { OrganizationServiceService } from '../../generated/ts/tollgate/v1/organization_service.js';
import { SubscriptionServiceService } from '../../generated/ts/tollgate/v1/subscription_service.js';
import { present } from '../base/assert.js';
import type { Edge } from '../rpc/edge.js';
import { everyRpc, type Rpcs, type ServiceName } from '../rpc/rpcs.js';
import { backupHandler } from './backup.js';
import { openDecoders } from './element-bound.js';
import { type RecordStreams, recordStreams } from './record-stream.js';
import { meteringDefinition } from './reply-encoding.js';
import { openTurn } from './turn.js';
import { unary } from './unary.js';

const DEFINITIONS: Readonly<Record<ServiceName, ServiceDefinition>> = {
  MeteringService: meteringDefinition,
  CatalogService: CatalogServiceService,
  OrganizationService: OrganizationServiceService,
  SubscriptionService: SubscriptionServiceService,
  InvoiceService: InvoiceServiceService,
  CorrectionService: CorrectionServiceService,
  AccessService: AccessServiceService,
  NotificationService: NotificationServiceService,
  AdminService: AdminServiceService,
};

export const SERVICE_NAMES = Object.keys(DEFINITIONS).map((name) => `tollgate.v1.${name}`);

export function addServices(
  server: Server,
  edge: Edge,
  rpcs: Rpcs,
  contract: FileRegistry,
): RecordStreams {
  const { journal, metrics } = edge.core;
  const decoderOf = openDecoders(contract, metrics.requestsRefused.grpc.too_many_elements);
  const turn = openTurn(journal);
  const { recordStream } = meteringDefinition;
  const { backup } = AdminServiceService;
  const decodeItems = decoderOf(recordStream.path, recordStream.requestDeserialize);
  const streams = recordStreams({ edge, turn, decode: decodeItems });
  const sendBackup = backupHandler(edge, decoderOf(backup.path, backup.requestDeserialize));
  const handlers = new Map<ServiceName, UntypedServiceImplementation>();
  handlers.set('MeteringService', { recordStream: streams.handler });
  handlers.set('AdminService', { backup: sendBackup });
  for (const { service, key, method, rpc } of everyRpc(rpcs)) {
    const own = handlers.get(service) ?? {};
    const { path, requestDeserialize, responseSerialize } = present(DEFINITIONS[service][key], key);
    const decode = decoderOf<object>(path, requestDeserialize);
    own[key] = unary({ edge, turn, method, rpc, decode, encode: responseSerialize });
    handlers.set(service, own);
  }
  for (const [service, own] of handlers) {
    server.addService(inBytes(DEFINITIONS[service]), own);
  }
  return streams;
}

/** Handlers get and give bytes; only the replies of a stream are encoded by grpc-js. */
function inBytes(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const responseSerialize = method.responseStream ? method.responseSerialize : asItIs;
      return [name, { ...method, requestDeserialize: asItIs, responseSerialize }];
    }),
  );
}

const asItIs = (bytes: Buffer) => bytes;
