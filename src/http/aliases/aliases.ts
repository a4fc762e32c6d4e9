// Every path of an older system, and what usage reports are limited to.

import { openRateLimits } from '../../access/rate-limit.js';
import { MINUTE_MS, SECOND_MS } from '../../base/units.js';
import { limits } from '../../limits.js';
import type { Edge } from '../../rpc/edge.js';
import type { Rpcs } from '../../rpc/rpcs.js';
import { openRoutes, type Routes } from '../routes.js';
import { adminBilling } from './admin-billing.js';
import { type Alias, type AliasHost, methodsOf } from './alias.js';
import { billingInvoices } from './billing-invoices.js';
import { billingPlans } from './billing-plans.js';
import { billingQuotas } from './billing-quotas.js';
import { billingUsage } from './billing-usage.js';
import { type ProbesOptions, probes } from './probes.js';
import { usageReports } from './usage-reports.js';
import { usageTotals } from './usage-totals.js';

export interface AliasesOptions extends Pick<ProbesOptions, 'payments'> {
  readonly edge: Edge;
  readonly rpcs: Rpcs;
}

export interface Aliases {
  readonly host: AliasHost;
  readonly routes: Routes<Alias>;
}

export function everyAlias(rpcs: Rpcs, probed: ProbesOptions): readonly Alias[] {
  return [
    ...adminBilling(rpcs),
    ...usageTotals(rpcs),
    ...billingPlans(rpcs),
    ...billingQuotas(rpcs),
    ...billingUsage(rpcs),
    ...billingInvoices(rpcs),
    ...usageReports(rpcs),
    ...probes(probed),
  ];
}

export function openAliases({ edge, rpcs, payments }: AliasesOptions): Aliases {
  const routes = openRoutes<Alias>();
  for (const alias of everyAlias(rpcs, { core: edge.core, payments })) {
    routes.add(alias.verb, alias.template, alias);
  }
  const perMinute = limits.usageReportsPerMinute;
  const reports = openRateLimits(edge.core.clock, {
    perSecond: (perMinute * SECOND_MS) / MINUTE_MS,
    burst: perMinute,
    exceeded: `more than ${perMinute} usage reports a minute with this credential; slow down`,
  });
  return {
    routes,
    host: {
      edge,
      methods: methodsOf(edge, rpcs),
      // As with calls: those of an organisation are limited, those of the platform are not.
      reports({ principal }) {
        return principal.orgId === '' ? undefined : reports.bucketOf(principal.name);
      },
    },
  };
}
