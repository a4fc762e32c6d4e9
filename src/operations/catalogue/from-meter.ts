// A meter of a call as the tree that the shape of meters reads.

import { UnpricedPolicy } from '../../../generated/ts/tollgate/v1/meter.js';
import type { MeterDocument } from '../../domain/plans/document.js';
import { limits } from '../../limits.js';
import { checkMeter } from '../../seed/checks.js';
import { decimal, isRefused } from '../../seed/scalars.js';
import { meterShape } from '../../seed/shapes.js';
import type { YamlMapping } from '../../seed/yaml.js';
import type { Faults } from '../parse.js';
import { AGGREGATION, FORMULA, LATE_POLICY } from './enum-names.js';
import { enumTree, listTree, messageReader, tree } from './message-tree.js';
import type { MeterFields } from './to-catalogue.js';

const AT = 'meter';

/** Undefined where something is wrong with it, which is in `faults` then. */
export function readMeter(meter: MeterFields, faults: Faults): MeterDocument | undefined {
  const reader = messageReader({ [AT]: meterTree(meter, faults) }, faults);
  const document = reader.part([AT], meterShape);
  if (document !== undefined) checkMeter({ at: [AT], value: document }, reader.report);
  return document;
}

function meterTree(meter: MeterFields, faults: Faults): YamlMapping {
  return tree({
    key: meter.key,
    unit: meter.unit,
    scale: `${meter.scale}`,
    aggregation: enumTree(AGGREGATION, meter.aggregation),
    dimension: meter.dimension,
    source_keys: listTree(meter.sourceKeys),
    formula: enumTree(FORMULA, meter.formula),
    rollup_keys: listTree(meter.rollupKeys),
    label_sets_max: meter.labelSetsMax === 0 ? '' : `${meter.labelSetsMax}`,
    late_policy: enumTree(LATE_POLICY, meter.latePolicy),
    unpriced: unpricedTree(meter, faults),
  });
}

function unpricedTree({ unpricedPolicy, unpricedAmount }: MeterFields, faults: Faults): string {
  const field = `${AT}.unpriced_amount`;
  if (unpricedPolicy === UnpricedPolicy.UNPRICED_POLICY_DEFAULT_AMOUNT) {
    const read = decimal(limits.priceScale)(unpricedAmount);
    if (isRefused(read)) faults.add(field, read.refused);
    return isRefused(read) ? '' : `default(${read})`;
  }
  if (unpricedAmount !== '') faults.add(field, 'belongs to DEFAULT_AMOUNT only');
  switch (unpricedPolicy) {
    case UnpricedPolicy.UNPRICED_POLICY_UNSPECIFIED:
    case UnpricedPolicy.UNPRICED_POLICY_ZERO:
      return 'zero';
    case UnpricedPolicy.UNPRICED_POLICY_REJECT:
      return 'reject';
    default:
      faults.add(`${AT}.unpriced_policy`, 'must be one of ZERO, DEFAULT_AMOUNT, REJECT');
      return '';
  }
}
