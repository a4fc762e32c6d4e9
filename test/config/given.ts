// A configuration as a test gives it: text in, problems or Config out.

import { type Config, type ConfigInput, loadConfig } from '../../src/config.js';
import { problemText } from '../../src/seed/problem.js';

export const FILE = 't.yaml';

export interface GivenConfig {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text of t.yaml, which TOLLGATE_CONFIG names then. */
  readonly yaml?: string;
  readonly output?: 'terminal' | 'pipe';
}

export function problemsOf(given: GivenConfig): readonly string[] {
  const loaded = loadConfig(inputOf(given));
  return 'problems' in loaded ? loaded.problems.map(problemText) : [];
}

export function configOf(given: GivenConfig): Config {
  const loaded = loadConfig(inputOf(given));
  if ('problems' in loaded) throw new Error(loaded.problems.map(problemText).join('\n'));
  return loaded.config;
}

function inputOf({ argv = [], env = {}, yaml, output = 'pipe' }: GivenConfig): ConfigInput {
  return {
    argv,
    env: yaml === undefined ? env : { TOLLGATE_CONFIG: FILE, ...env },
    readFile(path) {
      if (path === FILE && yaml !== undefined) return yaml;
      throw Object.assign(new Error(`no file ${path}`), { code: 'ENOENT' });
    },
    output,
  };
}

export type Sections = Readonly<Record<string, string>>;
/** What is wrong, with which sections; where below `catalogue`, the value shown, what is said. */
export type Row = readonly [
  what: string,
  sections: Sections,
  at: string,
  value: string | undefined,
  rule: string,
];

/** Sections of a catalogue, one line each, over a small sound one. */
export function catalogueYaml(sections: Sections): string {
  const all: Record<string, string> = {
    default_plan: 'free',
    meters:
      '[{key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model, region]}]',
    plans: '[{id: free}]',
    ...sections,
  };
  const lines = Object.entries(all).map(([key, value]) => `  ${key}: ${value}\n`);
  return `catalogue:\n${lines.join('')}`;
}

/** The text of a problem in `catalogueYaml`: a section of its own stands in the last line. */
export function rowProblem(at: string, value: string | undefined, rule: string): string {
  const section = at.split(/[.[]/)[0] ?? '';
  const line = { default_plan: 2, meters: 3, plans: 4 }[section] ?? 5;
  const shown = value === undefined ? '' : ` = ${JSON.stringify(value)}`;
  return `catalogue.${at} (${FILE}:${line})${shown}: ${rule}`;
}
