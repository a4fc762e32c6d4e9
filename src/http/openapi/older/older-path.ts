// A path of an older system, as the document describes it.

import type { JsonObject } from '@bufbuild/protobuf';
import { limits } from '../../../limits.js';
import type { HttpVerb } from '../../bindings.js';
import type { Properties } from './shapes.js';

export interface OlderPath {
  readonly verb: HttpVerb;
  readonly template: string;
  /** Of the operation, after `Older`. */
  readonly id: string;
  readonly summary: string;
  readonly about?: string;
  /** `Service/Method`: what they need is needed. None: no credential is. */
  readonly performs: readonly string[];
  /** Where the organisation may come from, if neither the path nor the body says it. */
  readonly org?: 'header';
  /** What the header `idempotency-key` stands for. */
  readonly repeats?: string;
  readonly query?: Properties;
  readonly body?: OlderBody;
  /** Refused with 409 by the path itself. */
  readonly conflict?: true;
  readonly status: 200 | 201;
  readonly answer: JsonObject;
  /** Media type of its other form, a text. */
  readonly textType?: string;
}

export interface OlderBody {
  /** Absent: all of it may be left out. */
  readonly required?: true;
  readonly schema: JsonObject;
  readonly example: JsonObject;
}

/** Paths that belong together, with the schemas that they refer to. */
export interface OlderPaths {
  readonly paths: readonly OlderPath[];
  readonly schemas: Readonly<Record<string, JsonObject>>;
}

/** Of paths that report usage, all together. */
export const REPORTS_BOUND = [
  'A credential that is bound to an organisation may send',
  `${limits.usageReportsPerMinute} reports a minute.`,
].join(' ');
