// The top of the pages: on the first one seller, title, customer, facts and headline, on the others
// one line.

import type { InvoiceParty } from '../../generated/ts/tollgate/v1/invoice.js';
import {
  type Block,
  type Column,
  overlay,
  rule,
  space,
  stack,
  textRow,
  textRows,
} from './block.js';
import { type Content, fullTitle, type Headline } from './content.js';
import { AREA, COLOURS, STYLES } from './look.js';
import type { Typesetter } from './typeset.js';

const LEFT: Column = { x: AREA.left, width: 252, align: 'LEFT' };
const RIGHT: Column = { x: AREA.right - 215, width: 215, align: 'RIGHT' };
const WHOLE: Column = { x: AREA.left, width: AREA.width, align: 'LEFT' };
const BADGE = { height: 15, padding: 6 } as const;
const BANNER_PADDING = 13;
const LABEL_WIDTH = 84;

export function letterhead(type: Typesetter, content: Content): Block {
  return stack([
    overlay([sellerBlock(type, content.seller), titleBlock(type, content)]),
    space(26),
    overlay([customerBlock(type, content.customer), factsBlock(type, content)]),
    space(20),
    bannerBlock(type, content.headline),
    space(22),
  ]);
}

/** The top of the second and every further page. */
export function runningHead(type: Typesetter, content: Content): Block {
  const title = fullTitle(content);
  const text = content.number === '' ? title : `${title}  ·  ${content.mark.label}`;
  const seller = type.clip(content.seller?.legalName ?? '', STYLES.strong, LEFT.width);
  return stack([
    overlay([textRow(seller, LEFT), textRows(type.fit(text, STYLES.soft, RIGHT.width), RIGHT)]),
    space(6),
    rule(WHOLE),
    space(14),
  ]);
}

function sellerBlock(type: Typesetter, seller: InvoiceParty | undefined): Block {
  const name = type.wrap(seller?.legalName ?? '', STYLES.seller, LEFT.width);
  return stack([textRows(name, LEFT), space(2), partyRows(type, seller)]);
}

function titleBlock(type: Typesetter, content: Content): Block {
  const { title, number } = content;
  const rows = number === '' ? [] : type.wrap(number, STYLES.number, RIGHT.width);
  return stack([
    textRow(type.line(title, STYLES.title), RIGHT, 27),
    textRows(rows, RIGHT),
    space(5),
    badge(type, content),
  ]);
}

function badge(type: Typesetter, { mark }: Content): Block {
  const { label, ink, ground } = mark;
  const { height, padding } = BADGE;
  const line = type.line(label, { ...STYLES.heading, colour: ink });
  const width = line.width + 2 * padding;
  const x = AREA.right - width;
  return overlay([
    { height, marks: [{ kind: 'BOX', x, y: 0, width, height, colour: ground, radius: 3 }] },
    textRow(line, { x: x + padding, width: line.width, align: 'LEFT' }, height),
  ]);
}

function customerBlock(type: Typesetter, customer: InvoiceParty | undefined): Block {
  if (customer === undefined) return space(0);
  const name = type.wrap(customer.legalName, STYLES.strong, LEFT.width);
  return stack([
    textRow(type.line('Billed to', STYLES.heading), LEFT),
    space(3),
    textRows(name, LEFT),
    partyRows(type, customer),
  ]);
}

/** Address, tax id and mail address; none of them has to be there. */
function partyRows(type: Typesetter, party: InvoiceParty | undefined): Block {
  if (party === undefined) return space(0);
  const { address, taxId, email } = party;
  const texts = [address, taxId === '' ? '' : `Tax ID ${taxId}`, email];
  const lines = texts
    .filter((text) => text !== '')
    .flatMap((text) => type.wrap(text, STYLES.soft, LEFT.width));
  return textRows(lines, LEFT);
}

function factsBlock(type: Typesetter, { facts }: Content): Block {
  const label: Column = { x: RIGHT.x, width: LABEL_WIDTH, align: 'LEFT' };
  const width = RIGHT.width - LABEL_WIDTH;
  const value: Column = { x: RIGHT.x + LABEL_WIDTH, width, align: 'RIGHT' };
  const rows = facts.flatMap(([name, text]) => [
    overlay([
      textRow(type.line(name, { ...STYLES.soft, colour: COLOURS.grey }), label),
      textRows(type.wrap(text, STYLES.body, value.width), value),
    ]),
    space(2),
    rule(RIGHT),
    space(2),
  ]);
  return stack(rows.slice(0, -2));
}

function bannerBlock(type: Typesetter, { label, amount, note, remark }: Headline): Block {
  const inner = AREA.width - 2 * BANNER_PADDING;
  const left: Column = { x: AREA.left + BANNER_PADDING, width: inner * 0.5, align: 'LEFT' };
  const right: Column = { x: left.x + left.width, width: inner * 0.5, align: 'RIGHT' };
  const figure = stack([
    textRow(type.line(label, STYLES.heading), left, 11),
    textRows(type.fit(amount, STYLES.headline, left.width), left),
  ]);
  const words = stack([
    ...(note === '' ? [] : [textRows(type.wrap(note, STYLES.due, right.width), right)]),
    ...(remark === '' ? [] : [textRows(type.wrap(remark, STYLES.soft, right.width), right)]),
  ]);
  const inside = Math.max(figure.height, words.height);
  const centred = (block: Block) =>
    stack([space(BANNER_PADDING + (inside - block.height) / 2), block]);
  const height = inside + 2 * BANNER_PADDING;
  const box = { x: AREA.left, y: 0, width: AREA.width, height, colour: COLOURS.ground, radius: 5 };
  return overlay([{ height, marks: [{ kind: 'BOX', ...box }] }, centred(figure), centred(words)]);
}
