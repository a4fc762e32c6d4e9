// Which route a path is: words, variables, and at the end perhaps a verb behind a colon. What is
// matched is the path as it came, before anything in it is decoded, so that an encoded slash or
// colon belongs to a name. A word goes before a variable. Cost: a look-up for each part.

import { assert, unreachable } from '../base/assert.js';
import type { Fault } from './problem.js';

export interface Routes<Route> {
  /** Adds a route of `template`; two that one path fits are a bug. */
  readonly add: (verb: string, template: string, route: Route) => void;
  readonly find: (verb: string, path: string) => Match<Route>;
}

export type Match<Route> =
  /** The values of the variables, in their order. */
  | { readonly kind: 'found'; readonly route: Route; readonly values: readonly string[] }
  | { readonly kind: 'no such path' }
  /** What the path has instead. */
  | { readonly kind: 'no such method'; readonly allowed: readonly string[] }
  /** Something in it cannot be decoded. */
  | { readonly kind: 'malformed' };

export type Miss = Exclude<Match<never>, { readonly kind: 'found' }>;

/** Why there is no route, for the caller. */
export interface Missed {
  readonly fault: Fault;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

const SHOWN_CHARS = 200;

export function missedOf(miss: Miss, path: string): Missed {
  const shown = path.slice(0, SHOWN_CHARS);
  switch (miss.kind) {
    case 'no such path':
      return { fault: 'no such path', text: `there is nothing at ${shown}`, headers: {} };
    case 'no such method': {
      const allow = miss.allowed.join(', ');
      return { fault: 'no such method', text: `${shown} takes ${allow}`, headers: { allow } };
    }
    case 'malformed': {
      const text = 'the path holds a % that begins no character';
      return { fault: 'malformed', text, headers: {} };
    }
    default:
      return unreachable(miss);
  }
}

interface Node<Route> {
  readonly words: Map<string, Node<Route>>;
  variable: Node<Route> | undefined;
  /** By `:verb` or '', then by HTTP method. */
  readonly ends: Map<string, Map<string, Route>>;
}

const VARIABLE = /^\{([a-z0-9_.]+)\}$/;

/** The names of the variables of a template, in order: `event.org_id`. */
export function variablesOf(template: string): readonly string[] {
  return [...template.matchAll(/\{([a-z0-9_.]+)\}/g)].map(([, name = '']) => name);
}

export function openRoutes<Route>(): Routes<Route> {
  const root = makeNode<Route>();
  return {
    add(verb, template, route) {
      const { parts, custom } = split(template);
      let node = root;
      for (const part of parts) {
        if (VARIABLE.test(part)) {
          node.variable ??= makeNode();
          node = node.variable;
        } else {
          const next = node.words.get(part) ?? makeNode();
          node.words.set(part, next);
          node = next;
        }
      }
      const methods = node.ends.get(custom) ?? new Map<string, Route>();
      assert(!methods.has(verb), `one route for ${verb} ${template}`);
      node.ends.set(custom, methods.set(verb, route));
    },
    find(verb, path) {
      const { parts, custom } = split(path);
      const reached = walk(root, parts, 0, custom, []);
      if (reached === undefined) return { kind: 'no such path' };
      const route = reached.methods.get(verb);
      if (route === undefined) {
        return { kind: 'no such method', allowed: [...reached.methods.keys()].sort() };
      }
      const values = decodeAll(reached.values);
      return values === undefined ? { kind: 'malformed' } : { kind: 'found', route, values };
    },
  };
}

function makeNode<Route>(): Node<Route> {
  return { words: new Map(), variable: undefined, ends: new Map() };
}

/** A colon of a variable's own is encoded: what stands behind one is a verb. */
function split(path: string): { readonly parts: readonly string[]; readonly custom: string } {
  const colon = path.indexOf(':', path.lastIndexOf('/'));
  const whole = colon < 0 ? path : path.slice(0, colon);
  return { parts: whole.split('/').slice(1), custom: colon < 0 ? '' : path.slice(colon) };
}

interface Reached<Route> {
  readonly methods: ReadonlyMap<string, Route>;
  readonly values: readonly string[];
}

function walk<Route>(
  node: Node<Route>,
  parts: readonly string[],
  at: number,
  custom: string,
  values: readonly string[],
): Reached<Route> | undefined {
  const part = parts[at];
  if (part === undefined) {
    const methods = node.ends.get(custom);
    return methods && { methods, values };
  }
  const word = node.words.get(part);
  const found = word && walk(word, parts, at + 1, custom, values);
  if (found !== undefined) return found;
  if (node.variable === undefined || part === '') return undefined;
  return walk(node.variable, parts, at + 1, custom, [...values, part]);
}

function decodeAll(values: readonly string[]): readonly string[] | undefined {
  try {
    return values.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
