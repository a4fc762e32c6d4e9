// YAML read with the failsafe schema: every scalar stays the text that was written, and every
// problem knows its line.

import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { messageOf } from '../base/failure.js';
import type { Path, Problem } from './problem.js';

export type YamlNode = string | readonly YamlNode[] | YamlMapping;
export interface YamlMapping {
  readonly [key: string]: YamlNode;
}

export interface YamlFile {
  /** An empty file is an empty mapping. */
  readonly root: YamlMapping;
  /** The problem of what stands at `path`, with its value (where it is a scalar) and line. */
  readonly problemAt: (path: Path, setting: string, rule: string) => Problem;
}

/** `name` is the file as the operator named it. */
export function readYaml(text: string, name: string): YamlFile | readonly Problem[] {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  });
  const faultAt = (offset: number, rule: string): Problem => ({
    setting: 'config',
    value: undefined,
    rule,
    source: `${name}:${lines.linePos(offset).line}`,
  });
  const faults = [...document.errors, ...document.warnings].map((fault) =>
    faultAt(fault.pos[0], fault.message),
  );
  if (faults.length > 0) return faults;
  const root = toPlain(document);
  if (typeof root === 'string') return [faultAt(0, root)];
  return {
    root: root.value,
    problemAt(path, setting, rule) {
      const line = lines.linePos(offsetOf(document, path)).line;
      return { setting, value: scalarAt(root.value, path), rule, source: `${name}:${line}` };
    },
  };
}

export function isMapping(node: YamlNode | undefined): node is YamlMapping {
  return typeof node === 'object' && !Array.isArray(node);
}

export function nodeAt(root: YamlNode, path: Path): YamlNode | undefined {
  return path.reduce<YamlNode | undefined>((node, step) => {
    if (typeof step === 'number') return Array.isArray(node) ? node[step] : undefined;
    return isMapping(node) && Object.hasOwn(node, step) ? node[step] : undefined;
  }, root);
}

function toPlain(document: Document): { readonly value: YamlMapping } | string {
  try {
    const value: YamlNode | null = document.toJS();
    if (value === null || value === '') return { value: {} };
    if (!isMapping(value)) return 'the file must be a mapping with server and catalogue';
    return hasProto(value) ? 'a key must not be __proto__' : { value };
  } catch (error) {
    // Aliases: one without its anchor, or so many that the file would explode.
    return messageOf(error);
  }
}

/** Objects of JavaScript lose this key on the way, which would widen a `match`. */
function hasProto(node: YamlNode): boolean {
  if (typeof node === 'string') return false;
  return Object.hasOwn(node, '__proto__') || Object.values(node).some(hasProto);
}

function scalarAt(root: YamlNode, path: Path): string | undefined {
  const node = nodeAt(root, path);
  return typeof node === 'string' ? node : undefined;
}

/** Of the node at `path`, or of the nearest one above it that the file has. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      if (isMap(node) || isSeq(node) || isScalar(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
