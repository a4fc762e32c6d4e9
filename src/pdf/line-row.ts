// What a line of an invoice says: its price, its tiers, its labels, the proof of its usage.

import type { InvoiceLine } from '../../generated/ts/tollgate/v1/invoice.js';
import { PriceKind, type PriceTier } from '../../generated/ts/tollgate/v1/price.js';
import type { Detail, Row } from './content.js';
import type { Dates } from './dates.js';
import { groupDigits, isZero } from './figures.js';

const TIER_INDENT = 8;

export function lineRow(line: InvoiceLine, dates: Dates): Row {
  const { description, serviceStart, serviceEnd, quantity, unit, amount } = line;
  const hasPeriod = serviceStart !== undefined || serviceEnd !== undefined;
  return {
    description,
    period: hasPeriod ? dates.period(serviceStart, serviceEnd) : '',
    quantity: groupDigits(quantity),
    unit,
    ...priceOf(line),
    amount: groupDigits(amount),
    details: detailsOf(line),
  };
}

function priceOf(line: InvoiceLine): Pick<Row, 'price' | 'basis'> {
  const { priceKind, unitPrice, per, unit, tiers, unpriced } = line;
  if (unitPrice === '') {
    if (tiers.length > 0) return { price: '', basis: 'in tiers' };
    return { price: '', basis: unpriced ? 'no price set' : '' };
  }
  const price = groupDigits(unitPrice);
  switch (priceKind) {
    case PriceKind.PRICE_KIND_PACKAGE:
      return { price, basis: `per begun ${groupDigits(per)}` };
    case PriceKind.PRICE_KIND_PERCENTAGE:
      return { price: `${price} %`, basis: '' };
    case PriceKind.PRICE_KIND_MULTIPLIER:
      return { price: `× ${price}`, basis: '' };
    case PriceKind.PRICE_KIND_FLAT:
      return { price, basis: 'per period' };
    default:
      return { price, basis: basisText(per, unit) };
  }
}

/** "per token", "per 1,000": a unit has no plural, and it stands beside the quantity already. */
function basisText(per: string, unit: string): string {
  if (per === '' || per === '1') return unit === '' ? '' : `per ${unit}`;
  return `per ${groupDigits(per)}`;
}

function detailsOf(line: InvoiceLine): Detail[] {
  const { reason, originalInvoiceId } = line;
  const paragraphs = (texts: readonly string[], indent: number) =>
    texts.filter((text) => text !== '').map((text) => ({ text, indent }));
  return [
    ...paragraphs([labelsText(line), tiersText(line)], 0),
    ...paragraphs(
      line.tiers.map((_, i) => tierText(line, i)),
      TIER_INDENT,
    ),
    ...paragraphs(
      [
        reason === '' ? '' : `Reason: ${reason}`,
        originalInvoiceId === '' ? '' : `Corrects invoice ${originalInvoiceId}`,
        proofText(line),
      ],
      0,
    ),
  ];
}

/** What the description does not say, by key: the order within a map is chance. */
function labelsText({ dimensions, description }: InvoiceLine): string {
  return [...dimensions.keys()]
    .sort()
    .filter((key) => !description.includes(`${key} ${dimensions.get(key)}`))
    .map((key) => `${key}: ${dimensions.get(key)}`)
    .join('  ·  ');
}

function tiersText({ tiers, priceKind, blockSize, per, unit }: InvoiceLine): string {
  if (tiers.length === 0) return '';
  const how =
    priceKind === PriceKind.PRICE_KIND_VOLUME
      ? 'Volume price, one tier for the whole quantity'
      : 'Tiers, each for its part of the quantity';
  const isMoney = priceKind !== PriceKind.PRICE_KIND_GRADUATED_PERCENTAGE;
  const isByUnit = tiers.some((tier) => tier.blockSize === '');
  const basis = isMoney && isByUnit ? basisText(per, unit) : '';
  const blocks = blockSize === '' ? '' : `in begun blocks of ${groupDigits(blockSize)}`;
  return `${[how, basis, blocks].filter((text) => text !== '').join(', ')}:`;
}

function tierText({ tiers, priceKind }: InvoiceLine, index: number): string {
  const tier = tiers[index];
  if (tier === undefined) return '';
  const lower = tiers[index - 1]?.upTo;
  const above = lower === undefined ? '' : `above ${groupDigits(lower)}`;
  const below = tier.upTo === undefined ? '' : `up to ${groupDigits(tier.upTo)}`;
  const range = [above, below].filter((text) => text !== '').join(' ') || 'any quantity';
  return `${range}:  ${tierPrice(tier, priceKind)}`;
}

function tierPrice(tier: PriceTier, priceKind: PriceKind): string {
  const { unitPrice, percent, flatFee, blockSize } = tier;
  const block = blockSize === '' ? '' : ` per begun ${groupDigits(blockSize)}`;
  const price =
    priceKind === PriceKind.PRICE_KIND_GRADUATED_PERCENTAGE
      ? `${percent} %`
      : `${groupDigits(unitPrice)}${block}`;
  return isZero(flatFee) ? price : `${price} + ${groupDigits(flatFee)} fixed`;
}

/** Sequences and hash are for copying: their digits are not grouped. */
function proofText(line: InvoiceLine): string {
  const { eventCount, firstSequence, lastSequence, eventsHash } = line;
  if (eventCount === 0n) return '';
  return [
    eventCount === 1n ? '1 event' : `${groupDigits(String(eventCount))} events`,
    lastSequence === 0n ? '' : `journal ${firstSequence}–${lastSequence}`,
    eventsHash === '' ? '' : `hash ${eventsHash}`,
  ]
    .filter((text) => text !== '')
    .join('  ·  ');
}
