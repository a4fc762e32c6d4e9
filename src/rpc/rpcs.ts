// Every RPC of the contract that has one request and one reply.

import { access, notifications, openAdmin, organizations } from './administration.js';
import { corrections, openInvoices, subscriptions } from './billing.js';
import { catalog } from './catalog.js';
import { metering } from './metering.js';
import type { Rpc } from './rpc.js';

export type Rpcs = ReturnType<typeof openRpcs>;
export type ServiceName = keyof Rpcs;

/** One of them, without its types: whoever calls it has decoded the request as its own. */
export interface ListedRpc {
  readonly service: ServiceName;
  /** `createMeter`, the key of its table. */
  readonly key: string;
  /** `CreateMeter`, as the contract has it. */
  readonly method: string;
  readonly rpc: Rpc<object, object>;
}

export function openRpcs() {
  return {
    MeteringService: metering,
    CatalogService: catalog,
    OrganizationService: organizations,
    SubscriptionService: subscriptions,
    InvoiceService: openInvoices(),
    CorrectionService: corrections,
    AccessService: access,
    NotificationService: notifications,
    AdminService: openAdmin(),
  };
}

export function everyRpc(rpcs: Rpcs): readonly ListedRpc[] {
  return Object.entries(rpcs).flatMap(([service, table]) =>
    Object.entries(table as unknown as Record<string, Rpc<object, object>>).map(([key, rpc]) => {
      const method = `${key.charAt(0).toUpperCase()}${key.slice(1)}`;
      return { service: service as ServiceName, key, method, rpc };
    }),
  );
}
