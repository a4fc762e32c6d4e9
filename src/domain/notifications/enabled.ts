// Which endpoint is told of what. What happens while an endpoint is disabled is not told to it;
// what happened before is, however late it is turned into deliveries.

import type { Sequence } from '../../base/units.js';
import type { EnabledSpan, NotificationType, WebhookEndpointRecord } from './document.js';

/** Spans that are over and still looked at; beyond it the oldest two become one. */
const SPANS_MAX = 8;

type Endpoint = Pick<WebhookEndpointRecord, 'spans' | 'event_types'>;

/** Whether an endpoint is told of what an entry has to tell. */
export function isTold(endpoint: Endpoint, type: NotificationType, sequence: Sequence): boolean {
  const isIn = ({ after, through }: EnabledSpan) =>
    sequence > after && (through === null || sequence <= through);
  return takes(endpoint, type) && endpoint.spans.some(isIn);
}

export function takes({ event_types: types }: Endpoint, type: NotificationType): boolean {
  return types.length === 0 || types.includes(type);
}

/** From the next entry on. What was turned into deliveries through `turned` needs no span. */
export function enabledAfter(
  spans: readonly EnabledSpan[],
  last: Sequence,
  turned: Sequence,
): readonly EnabledSpan[] {
  return joined([...left(spans, turned), { after: last, through: null }]);
}

export function disabledAfter(
  spans: readonly EnabledSpan[],
  last: Sequence,
  turned: Sequence,
): readonly EnabledSpan[] {
  const ended = spans.map((span) => (span.through === null ? { ...span, through: last } : span));
  return left(ended, turned);
}

function left(spans: readonly EnabledSpan[], turned: Sequence): readonly EnabledSpan[] {
  return spans.filter(({ through }) => through === null || through > turned);
}

/** Rather told of too much than of too little. */
function joined(spans: readonly EnabledSpan[]): readonly EnabledSpan[] {
  const [first, second, ...rest] = spans;
  if (spans.length <= SPANS_MAX || first === undefined || second === undefined) return spans;
  return [{ after: first.after, through: second.through }, ...rest];
}

/** The first entries that have to be looked at come after it; `end` where none have. */
export function firstNeeded(
  endpoints: readonly Pick<Endpoint, 'spans'>[],
  turned: Sequence,
  end: Sequence,
): Sequence {
  const needed = endpoints.flatMap(({ spans }) => left(spans, turned));
  return Math.max(turned, Math.min(end, ...needed.map(({ after }) => after)));
}
