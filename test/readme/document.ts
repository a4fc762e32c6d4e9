// README.md taken apart: tables by their heading, code by its language.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');
export const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** Cells of the body of the nth table below a heading, code marks taken off. */
export function tableOf(heading: string, nth = 0): readonly (readonly string[])[] {
  const section = README.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const tables = section.split('\n\n').filter((block) => block.startsWith('| '));
  const rows = (tables[nth] ?? '').trim().split('\n').slice(2);
  if (rows.length === 0) throw new Error(`README.md has no table ${nth} below "${heading}"`);
  return rows.map((row) => row.split('|').slice(1, -1).map(plain));
}

/** Code blocks of a language, without the indentation of a list. */
export function codeOf(language: string): readonly string[] {
  const blocks = README.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm);
  return [...blocks].flatMap(([, indent = '', name, body = '']) =>
    name === language ? [body.replaceAll(new RegExp(`^${indent}`, 'gm'), '')] : [],
  );
}

/** Every line of shell code, continued lines joined, and every command named in a sentence. */
export function commands(): readonly string[] {
  const lines = codeOf('sh').flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'));
  const text = README.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
  const named = [...text.matchAll(/`((?:make|node|curl|grpcurl) [^`]*)`/g)];
  return [...lines, ...named.map(([, command = '']) => command)].filter((line) => line !== '');
}

function plain(cell: string): string {
  const text = cell.trim();
  return /^`[^`]*`$/.test(text) ? text.slice(1, -1) : text;
}
