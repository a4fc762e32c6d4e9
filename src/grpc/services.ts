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
import type { Edge } from '../rpc/edge.js';
import { everyRpc, type Rpcs, type ServiceName } from '../rpc/rpcs.js';
import { backupHandler } from './backup.js';
import { boundElements } from './element-bound.js';
import { type RecordStreams, recordStreams } from './record-stream.js';
import { meteringDefinition } from './reply-encoding.js';
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
  const streams = recordStreams(edge);
  const handlers = new Map<ServiceName, UntypedServiceImplementation>();
  handlers.set('MeteringService', { recordStream: streams.handler });
  handlers.set('AdminService', { backup: backupHandler(edge) });
  for (const { service, key, method, rpc } of everyRpc(rpcs)) {
    const own = handlers.get(service) ?? {};
    own[key] = unary(edge, method, rpc);
    handlers.set(service, own);
  }
  for (const [service, own] of handlers) {
    server.addService(boundElements(DEFINITIONS[service], contract), own);
  }
  return streams;
}
