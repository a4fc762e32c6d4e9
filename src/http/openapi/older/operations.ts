// Operations of older paths, and their schemas.

import type { JsonObject } from '@bufbuild/protobuf';
import { present } from '../../../base/assert.js';
import { limits } from '../../../limits.js';
import { ORG_HEADER } from '../../aliases/alias.js';
import { variablesOf } from '../../routes.js';
import { failuresOf } from '../errors.js';
import type { Located } from '../located.js';
import { saysConflict } from '../operations.js';
import { factsOf, type ParametersOptions } from '../parameters.js';
import { adminBilling } from './admin-billing.js';
import { billingInvoices } from './billing-invoices.js';
import { billingPlans } from './billing-plans.js';
import { billingQuotas } from './billing-quotas.js';
import { billingUsage } from './billing-usage.js';
import type { OlderBody, OlderPath, OlderPaths } from './older-path.js';
import { probes } from './probes.js';
import { id, text } from './shapes.js';
import { usageReports } from './usage-reports.js';
import { usageTotals } from './usage-totals.js';

const ALL: readonly OlderPaths[] = [
  adminBilling,
  usageTotals,
  billingPlans,
  billingQuotas,
  billingUsage,
  billingInvoices,
  usageReports,
  probes,
];

export const OLDER_TAG = {
  name: 'Older paths',
  description: [
    'Paths and bodies of systems that Tollgate takes the place of, for callers that were written',
    'for them; they stay. Whoever writes a new caller takes the services above, which say more and',
    'lose no digit.\n\nNumbers are JSON numbers, errors are `{"detail": text}`, times are UTC. A',
    'quantity of more than 15 digits is sent as text. Fields that are not known are passed over.',
    'The organisation is the one that the path or the body names; else that of the credential;',
    `else that of the header \`${ORG_HEADER}\`.`,
  ].join(' '),
};

const VARIABLES: Readonly<Record<string, JsonObject>> = {
  tenant_id: id('Organisation.'),
  tenant: id('Organisation.'),
  invoice_id: id('Invoice.'),
};

function olderPaths(): readonly OlderPath[] {
  return ALL.flatMap(({ paths }) => paths);
}

export function olderSchemas(): JsonObject {
  return Object.fromEntries(ALL.flatMap(({ schemas }) => Object.entries(schemas)));
}

/** Path items in the order of the table, the operations of one path side by side. */
export function describeOlderPaths(
  bindings: readonly Located[],
  options: ParametersOptions,
): JsonObject {
  const primary = bindings.filter(({ index }) => index === 0);
  const byName = new Map(
    primary.map((binding) => [`${binding.service}/${binding.method.name}`, binding]),
  );
  const items: Record<string, JsonObject> = {};
  for (const path of olderPaths()) {
    const performed = path.performs.map((name) => present(byName.get(name), name));
    items[path.template] = {
      ...items[path.template],
      [path.verb.toLowerCase()]: describeOlder(path, performed, options),
    };
  }
  return items;
}

function describeOlder(
  path: OlderPath,
  performed: readonly Located[],
  { commentOf, rpcs }: ParametersOptions,
): JsonObject {
  const needs = new Set(performed.map((binding) => factsOf(binding, rpcs).needs));
  const needsCredential = performed.length > 0;
  const needed = needsCredential ? [...needs].join(' ') : 'Needs no credential.';
  const comments = performed.map(({ method }) => commentOf(method)).join('\n');
  const parameters = parametersOf(path);
  const { body, textType, answer } = path;
  return {
    tags: [OLDER_TAG.name],
    operationId: `Older${path.id}`,
    summary: path.summary,
    description: path.about === undefined ? needed : `${path.about}\n\n${needed}`,
    ...(needsCredential ? {} : { security: [] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: {
      [path.status]: {
        description: path.status === 201 ? 'It is made.' : 'The answer.',
        content: {
          ...(textType === undefined ? {} : { [textType]: { schema: { type: 'string' } } }),
          'application/json': { schema: answer },
        },
      },
      ...failuresOf(
        {
          needsCredential,
          hasBody: body !== undefined,
          mayMiss:
            performed.some(({ variables }) => variables.length > 0) ||
            comments.includes('NOT_FOUND'),
          mayConflict: path.conflict === true || saysConflict(comments),
          takesVersion: false,
        },
        'Detail',
      ),
    },
  };
}

function requestBody({ required, schema, example }: OlderBody): JsonObject {
  return { required: required === true, content: { 'application/json': { schema, example } } };
}

function parametersOf({ template, query = {}, org, repeats }: OlderPath): JsonObject[] {
  const inPath = variablesOf(template).map((name) =>
    parameter(name, 'path', present(VARIABLES[name], name)),
  );
  const inQuery = Object.entries(query).map(([name, schema]) => parameter(name, 'query', schema));
  return [
    ...inPath,
    ...inQuery,
    ...(repeats === undefined ? [] : [parameter('Idempotency-Key', 'header', repeatId(repeats))]),
    ...(org === 'header' ? [parameter(ORG_HEADER, 'header', ORG)] : []),
  ];
}

/** What a schema says of its meaning stands with the parameter. */
function parameter(name: string, where: string, { description, ...schema }: JsonObject) {
  return {
    name,
    in: where,
    ...(where === 'path' ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    ...(schema['type'] === 'array' ? { style: 'form', explode: true } : {}),
    schema,
  };
}

const ORG = id('Organisation, where neither the credential nor the body names one.');

function repeatId(repeats: string): JsonObject {
  return text(`Stands for ${repeats}.`, {
    maxLength: limits.eventIdChars,
    pattern: '^[ -~]*$',
  });
}
