// An RPC as data: what it needs, where its request names an organisation, what it does. Each face
// of the server (gRPC, HTTP) serves the same tables, and none decides who may do what.

import type { Session } from '../access/session.js';
import type { Permission } from '../domain/access/roles.js';
import type { Answer, Core } from '../operations/core.js';
import type { Refusal } from '../operations/refusal.js';
import { authorise } from './authorise.js';

export interface Access<Request> {
  readonly needs: Needs;
  readonly org: OrgRule<Request>;
}

/**
 * A permission; or one where the request names an organisation, and another where it names none;
 * or nothing but a credential.
 */
export type Needs =
  | Permission
  | { readonly one: Permission; readonly every: Permission }
  | 'credential';

/** Where a request names its organisation. */
export interface OrgRule<Request> {
  /** `org_id`, `event.org_id`; '' where no organisation is concerned. */
  readonly path: string;
  /**
   * What a request means that names none: `fault` (the operation says so), or that it is about
   * every organisation, or about an object whose id alone is given.
   */
  readonly absent: 'fault' | 'every';
  readonly read: (request: Request) => string;
  /** Fills in the organisation of the credential where the request names none. */
  readonly fill: (request: Request, orgId: string) => void;
  /** Organisations besides the one that is read. */
  readonly others?: (request: Request) => Iterable<string>;
}

export interface Rpc<Request, Reply> extends Access<Request> {
  /** The hot path has a series of its own in the metrics, all administration shares one. */
  readonly kind: 'metering' | 'administration';
  /** Answers in one step, or in slices. */
  readonly run: (core: Core, request: Request) => Answer<Reply> | Promise<Answer<Reply>>;
  /** What a denial is to a caller who would rather have an error. */
  readonly denial?: (core: Core, request: Request, reply: Reply) => Refusal | undefined;
}

/** What a call needs of its session. */
export type Admitted = Pick<Session, 'principal' | 'core' | 'bucket'>;

/**
 * One call, from `source`. Throws, or rejects with, the refusal; the reply waits for what it
 * depends on.
 */
export function perform<Request, Reply>(
  rpc: Rpc<Request, Reply>,
  { principal, core, bucket }: Admitted,
  request: Request,
  source: string,
): Answer<Reply> | Promise<Answer<Reply>> {
  bucket?.take();
  authorise(principal, rpc, request);
  if (source === '') return rpc.run(core, request);
  return rpc.run({ ...core, caller: { ...core.caller, source } }, request);
}

type Method = {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: never) => unknown;
  readonly responseSerialize: (value: never) => unknown;
};
type Unary = { readonly requestStream: false; readonly responseStream: false };
type UnaryNames<Service> = {
  [Name in keyof Service]: Service[Name] extends Unary ? Name : never;
}[keyof Service];
type RpcOf<M> = M extends Method
  ? Rpc<Parameters<M['requestSerialize']>[0], Parameters<M['responseSerialize']>[0]>
  : never;

/** A table with every unary RPC of a service: one that is left out does not compile. */
export type RpcTable<Service> = { readonly [Name in UnaryNames<Service>]: RpcOf<Service[Name]> };

export const NO_ORG: OrgRule<unknown> = {
  path: '',
  absent: 'fault',
  read: () => '',
  fill: () => undefined,
};

interface Named {
  orgId: string;
}

const TOP = {
  path: 'org_id',
  read: (request: Named) => request.orgId,
  fill(request: Named, orgId: string) {
    request.orgId = orgId;
  },
};

/** The request's own `org_id`, which it must have. */
export const ONE_ORG: OrgRule<Named> = { ...TOP, absent: 'fault' };

/** The same, where none means every organisation, or the one that an id belongs to. */
export const ANY_ORG: OrgRule<Named> = { ...TOP, absent: 'every' };

/** The `org_id` of the object that the request holds. */
export function orgIn<Key extends string>(
  key: Key,
  absent: OrgRule<unknown>['absent'] = 'fault',
): OrgRule<{ [K in Key]: Named | undefined }> {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return {
    path: `${name}.org_id`,
    absent,
    read: (request) => request[key]?.orgId ?? '',
    fill(request, orgId) {
      const object = request[key];
      if (object !== undefined) object.orgId = orgId;
    },
  };
}
