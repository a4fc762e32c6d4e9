// What meters, price lists, plans and the settings have in common: made once, each change of the
// document is a version, an archived one stays so.

import { present } from '../../base/assert.js';
import type { EpochMs } from '../../base/units.js';
import type { Head } from '../../domain/plans/document.js';
import { headChanges, nextHead } from '../../domain/plans/import-catalogue.js';
import type { Change } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { type Committed, change, checkEtag } from '../change.js';
import type { Answer, Core } from '../core.js';
import { invalidField, Refusal } from '../refusal.js';
import { bytesOf } from './lists.js';
import { type CatalogueObjects, type Heads, inUse, objectsOf } from './objects.js';

export interface StoredHead<T> {
  readonly version: number;
  readonly value: Head<T>;
}

/** One kind of object. */
export interface Kind<T> {
  readonly name: 'meter' | 'price_list' | 'plan' | 'settings';
  readonly read: (core: Core, id: string) => Promise<StoredHead<T> | undefined>;
  /** Of those that a transaction wrote. */
  readonly written: (changed: Committed) => StoredHead<T> | undefined;
  readonly notFound: (id: string) => Refusal;
}

interface HeadCall<T, Reply> {
  readonly kind: Kind<T>;
  readonly id: string;
  /** `meters.create`. */
  readonly action: string;
  readonly request: { readonly requestId: string };
  readonly reply: (stored: StoredHead<T>, changed: Committed | undefined) => Reply;
}

export interface Making<T, Reply> extends HeadCall<T, Reply> {
  /** The one organisation that it is for, or ''. */
  readonly orgId: string;
  readonly document: T;
  /** Refuses where it is there already, or something that it names is not. */
  readonly before: () => Promise<void>;
  /** What other objects say against it. In the step that commits. */
  readonly check: (objects: CatalogueObjects) => void;
}

export function makeHead<T, Reply>(core: Core, making: Making<T, Reply>): Promise<Answer<Reply>> {
  const { kind, id, orgId, document, action, request } = making;
  refuseIfLarge(kind.name, document);
  return change(core, {
    action,
    orgId,
    request,
    async plan(atMs) {
      await making.before();
      return {
        changes: () => {
          making.check(objectsOf(core));
          return writes(kind, id, nextHead(undefined, document, 'API', atMs), undefined);
        },
      };
    },
    reply: (changed) => making.reply(writtenBy(kind, changed), changed),
  });
}

export interface Updating<T, Reply> extends HeadCall<T, Reply> {
  readonly etag: string;
  readonly archived: (id: string) => Refusal;
  readonly next: (before: T) => Promise<T>;
  readonly check: (objects: CatalogueObjects, document: T) => void;
  /** What changes besides, once it is `head`. */
  readonly alongside?: ((head: Head<T>, atMs: EpochMs) => Promise<readonly Change[]>) | undefined;
}

export function updateHead<T, Reply>(
  core: Core,
  updating: Updating<T, Reply>,
): Promise<Answer<Reply>> {
  const { kind, id, action, request, etag, alongside } = updating;
  return change(core, {
    action,
    orgId: '',
    request,
    async plan(atMs) {
      const stored = await find(core, kind, id);
      checkEtag(etag, stored);
      if (stored.value.archived) throw updating.archived(id);
      const document = await updating.next(stored.value.document);
      refuseIfLarge(kind.name, document);
      const next = nextHead(stored.value, document, 'API', atMs);
      const isNew = next.latest !== stored.value.latest;
      const head = isNew ? next : { ...stored.value, updated_ms: atMs };
      const more = (await alongside?.(head, atMs)) ?? [];
      if (!isNew && more.length === 0) return undefined;
      return {
        changes: () => {
          if (isNew) updating.check(objectsOf(core), document);
          return [...writes(kind, id, head, stored), ...more];
        },
      };
    },
    reply: (changed) => updating.reply(writtenBy(kind, changed), changed),
    unchanged: async () => updating.reply(await find(core, kind, id), undefined),
  });
}

export interface Archiving<T, Reply> extends HeadCall<T, Reply> {
  readonly etag: string;
  /** Refuses where something else still needs it. */
  readonly before?: (atMs: EpochMs) => Promise<void>;
  readonly check?: (objects: CatalogueObjects) => void;
}

/** Once a call has archived it, the file does not bring it back. */
export function archiveHead<T, Reply>(
  core: Core,
  archiving: Archiving<T, Reply>,
): Promise<Answer<Reply>> {
  const { kind, id, action, request, etag } = archiving;
  return change(core, {
    action,
    orgId: '',
    request,
    async plan(atMs) {
      const stored = await find(core, kind, id);
      checkEtag(etag, stored);
      const { archived, source } = stored.value;
      if (archived && source === 'API') return undefined;
      if (!archived) await archiving.before?.(atMs);
      const ended = { archived: true, source: 'API', updated_ms: atMs } as const;
      const head = { ...stored.value, ...ended };
      return {
        changes: () => {
          if (!archived) archiving.check?.(objectsOf(core));
          return writes(kind, id, head, stored);
        },
      };
    },
    reply: (changed) => archiving.reply(writtenBy(kind, changed), changed),
    unchanged: async () => archiving.reply(await find(core, kind, id), undefined),
  });
}

export async function find<T>(core: Core, kind: Kind<T>, id: string): Promise<StoredHead<T>> {
  const stored = await kind.read(core, id);
  if (stored === undefined) throw kind.notFound(id);
  return stored;
}

/** `given` in `fields`, `before` in all others; what is absent there is absent. */
export function withFields<T extends object>(
  before: T,
  given: Partial<T>,
  fields: ReadonlySet<string>,
  order: readonly (keyof T & string)[],
): T {
  const entries = order.flatMap((field) => {
    const value = (fields.has(field) ? given : before)[field];
    return value === undefined ? [] : [[field, value] as const];
  });
  return Object.fromEntries(entries) as T;
}

/** One more of a kind that has a bound. */
export function refuseIfMany<T>(all: Heads<T>, bound: 'meters' | 'priceLists' | 'plans'): void {
  if (inUse(all).length < limits[bound]) return;
  const text = `the catalogue has ${limits[bound]} of these: archive one that is not needed`;
  throw new Refusal('RESOURCE_EXHAUSTED', 'CATALOGUE_FULL', text);
}

function refuseIfLarge(field: string, document: unknown): void {
  if (bytesOf(document) <= limits.catalogueObjectBytes) return;
  throw invalidField(field, `must be at most ${limits.catalogueObjectBytes} bytes as it is kept`);
}

function writes<T>(
  kind: Kind<T>,
  id: string,
  head: Head<T>,
  before: StoredHead<T> | undefined,
): readonly Change[] {
  return headChanges(kind.name, id, head, before?.value).map((each) => {
    const replaces = each.kind === kind.name ? (before?.version ?? 0) : 0;
    return { ...each, replaces } as Change;
  });
}

function writtenBy<T>(kind: Kind<T>, changed: Committed): StoredHead<T> {
  return present(kind.written(changed), `the ${kind.name} that was written`);
}
