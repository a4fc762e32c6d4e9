// CatalogService, the settings of the catalogue: there is one set, which the file brings in.

import type {
  GetCatalogSettingsRequest,
  GetCatalogSettingsResponse,
  UpdateCatalogSettingsRequest,
  UpdateCatalogSettingsResponse,
} from '../../../generated/ts/tollgate/v1/catalog_service.js';
import type { SettingsDocument } from '../../domain/plans/document.js';
import { checkQuotas } from '../../seed/checks.js';
import { checkRequestId } from '../change.js';
import type { Answer, Core } from '../core.js';
import { fieldsOf } from '../field-mask.js';
import { createFaults, refuseFaults } from '../parse.js';
import { invalidField } from '../refusal.js';
import { readSettingsMessage, SETTINGS_CHANGEABLE, type SettingsRead } from './from-plan.js';
import { find, type Kind, updateHead, withFields } from './heads.js';
import { fieldText } from './message-tree.js';
import { type CatalogueObjects, usableMeters } from './objects.js';
import { planArchived, planNotFound } from './plans.js';
import { toSettings } from './to-catalogue.js';

const SETTINGS: Kind<SettingsDocument> = {
  name: 'settings',
  read: (core) => core.ledger.get('settings', '', ''),
  written: (changed) => changed.first('settings'),
  notFound: settingsMissing,
};

const KEYS = ['default_plan', 'unknown_org', 'default_quotas', 'run_units', 'seller'] as const;

export async function getCatalogSettings(
  core: Core,
  _request: GetCatalogSettingsRequest,
): Promise<Answer<GetCatalogSettingsResponse>> {
  const stored = await find(core, SETTINGS, '');
  return { reply: { settings: toSettings(stored) }, after: core.journal.lastSequence() };
}

export function updateCatalogSettings(
  core: Core,
  request: UpdateCatalogSettingsRequest,
): Promise<Answer<UpdateCatalogSettingsResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = request.settings;
  if (given === undefined) throw invalidField('settings', 'is required');
  const fields = fieldsOf(request.updateMask, SETTINGS_CHANGEABLE, faults);
  const read = readSettingsMessage(given, fields, faults);
  refuseFaults(faults);
  const told = new Set(Object.keys(read.document));
  return updateHead(core, {
    kind: SETTINGS,
    id: '',
    action: 'catalog_settings.update',
    request,
    etag: request.etag,
    archived: settingsMissing,
    next: async (before) => withFields(before, read.document, told, KEYS),
    check: (objects) => check(objects, read),
    reply: (stored) => ({ settings: toSettings(stored) }),
  });
}

function check(objects: CatalogueObjects, { document, quotas }: SettingsRead): void {
  const { default_plan } = document;
  const isOther = default_plan !== objects.settings.default_plan;
  if (default_plan !== undefined && isOther) checkDefaultPlan(objects, default_plan);
  const faults = createFaults();
  checkQuotas(quotas, usableMeters(objects), (at, rule) => faults.add(fieldText(at), rule));
  refuseFaults(faults);
}

function checkDefaultPlan({ plans }: CatalogueObjects, id: string): void {
  const plan = plans.get(id);
  if (plan === undefined) throw planNotFound(id);
  if (plan.archived) throw planArchived(id);
  const owner = plan.document.org_id;
  if (owner === undefined) return;
  throw invalidField('settings.default_plan', `is a plan for the organisation "${owner}" alone`);
}

/** The first start brings them in, and nothing takes them away. */
function settingsMissing(): never {
  throw new Error('the settings of the catalogue are there');
}
