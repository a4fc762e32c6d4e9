// Actions and actors of the audit trail under the names of the contract: the ledger says
// `invoices.void`, a caller called VoidInvoice.

import { ACCESS_DENIED } from '../access/access-denials.js';

/** Where the RPC is not the verb and what it is done to. */
const NAMES: Readonly<Record<string, string>> = {
  'invoices.delete': 'DeleteDraftInvoice',
  'invoices.pay': 'MarkInvoicePaid',
  'invoices.give_up': 'MarkInvoiceUncollectible',
  'invoices.adjust': 'AddInvoiceAdjustment',
  'webhook_endpoints.rotate': 'RotateWebhookSecret',
  'backup.send': 'Backup',
  'catalogue.import': 'ImportCatalogue',
  'catalog_settings.update': 'UpdateCatalogSettings',
};

/** Parts of the server that do something by themselves. */
const OWN: ReadonlySet<string> = new Set(['billing', 'file']);

export function actionName(action: string): string {
  const known = NAMES[action];
  if (known !== undefined) return known;
  const [things = '', verb = ''] = action.split('.');
  // It names the RPC itself.
  if (things === ACCESS_DENIED) return verb;
  return `${camelCase(verb)}${camelCase(singular(things))}`;
}

export function isDenial(action: string): boolean {
  return action.startsWith(`${ACCESS_DENIED}.`);
}

export function actorName(actor: string): string {
  return OWN.has(actor) ? 'system' : actor;
}

function singular(things: string): string {
  return things.endsWith('ies') ? `${things.slice(0, -3)}y` : things.replace(/s$/, '');
}

function camelCase(words: string): string {
  return words
    .split('_')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');
}
