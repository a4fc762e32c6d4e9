// The Azure LLM inference traces of 2023 and 2024: one row per request, with the tokens that went
// in and came out. Source of the format: github.com/Azure/AzurePublicDataset.

import type { UsageEvent } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { type Column, cellOf, orgInTurn, type RowMapping, timeCellOf } from './mapping.js';
import { columnOf } from './rows.js';

export interface AzureLlmSource {
  readonly format: 'azure-llm';
  /** Rows are dealt to this many organisations in turn. */
  readonly orgs: number;
  readonly eventIdPrefix: string;
  readonly dimensions: ReadonlyMap<string, string>;
}

const METERS = [
  { meter: 'input_tokens', columnName: 'ContextTokens' },
  { meter: 'output_tokens', columnName: 'GeneratedTokens' },
] as const;

export function mapAzureLlm(source: AzureLlmSource, header: readonly string[]): RowMapping {
  const find = (name: string): Column => ({
    name,
    index: columnOf(header, '--format azure-llm', name),
  });
  const timeColumn = find('TIMESTAMP');
  const meters = METERS.map(({ meter, columnName }) => ({ meter, column: find(columnName) }));
  return {
    eventsPerRow: meters.length,
    timeOf: (row) => timeCellOf(row, timeColumn, 'auto'),
    eventsOf: (row, eventTime) =>
      meters.map(
        ({ meter, column }): UsageEvent => ({
          orgId: orgInTurn(row, source.orgs),
          eventId: `${source.eventIdPrefix}:${row.number}:${meter}`,
          meter,
          amount: { $case: 'quantity', value: cellOf(row, column) },
          eventTime,
          dimensions: new Map(source.dimensions),
        }),
      ),
  };
}
