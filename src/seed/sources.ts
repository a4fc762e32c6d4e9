// Where settings come from. Each source gives texts by setting name and notes the names that it
// does not know; what the texts mean is not its business.

import { didYouMean, type Problem, pathText } from './problem.js';
import { flagOf, SETTING_NAMES, SETTINGS, variableOf } from './settings.js';
import { isMapping, type YamlFile } from './yaml.js';

export interface Given {
  readonly text: string;
  /** `--data-dir`, `TOLLGATE_DATA_DIR` or `tollgate.yaml:3`. */
  readonly source: string;
}

export type GivenSettings = ReadonlyMap<string, Given>;

/** The path of the file itself: not a setting in the file. */
export const FILE = 'config';
export const BENCH_NOOP = 'TOLLGATE_BENCH_NOOP';
/** Read elsewhere; a shell that has them set may start a server all the same. */
const OTHER_VARIABLES: readonly string[] = [BENCH_NOOP, 'TOLLGATE_API_KEY_FILE'];
const NAMES: readonly string[] = [...SETTING_NAMES, FILE];
const SWITCHES: ReadonlySet<string> = new Set(
  SETTING_NAMES.filter((name) => ['true', 'false'].includes(SETTINGS[name].fallback)),
);

/** `--name value` or `--name=value`; a setting that is true or false may stand alone for true. */
export function readFlags(argv: readonly string[], problems: Problem[]): GivenSettings {
  const byFlag = new Map(NAMES.map((name) => [flagOf(name), name]));
  const given = new Map<string, Given>();
  const refuse = (setting: string, rule: string) => {
    // Without the value: what follows an unknown flag may be a secret.
    problems.push({ setting, value: undefined, rule, source: '' });
  };
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? '';
    const equals = argument.indexOf('=');
    const flag = equals < 0 ? argument : argument.slice(0, equals);
    const name = byFlag.get(flag);
    const next = argv[i + 1];
    const takesNext = equals < 0 && next !== undefined && !next.startsWith('--');
    if (takesNext && flag.startsWith('--')) i++;
    if (!flag.startsWith('--')) {
      refuse(argument, 'unexpected argument');
      continue;
    }
    if (name === undefined) {
      refuse(flag, `unknown flag${didYouMean(flag, byFlag.keys())}`);
      continue;
    }
    const alone = SWITCHES.has(name) ? 'true' : '';
    const text = equals >= 0 ? argument.slice(equals + 1) : takesNext ? next : alone;
    if (text === '') refuse(flag, 'needs a value');
    else if (given.has(name)) refuse(flag, 'is given twice');
    else given.set(name, { text, source: flag });
  }
  return given;
}

/** A variable that is set and empty counts as not set. */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  problems: Problem[],
): GivenSettings {
  const byVariable = new Map(NAMES.map((name) => [variableOf(name), name]));
  const given = new Map<string, Given>();
  for (const [variable, text] of Object.entries(env).sort()) {
    if (!variable.startsWith('TOLLGATE_') || OTHER_VARIABLES.includes(variable)) continue;
    const name = byVariable.get(variable);
    if (name === undefined) {
      const rule = isServiceLink(variable)
        ? 'comes from a Kubernetes service of this name: set enableServiceLinks: false on the pod'
        : `unknown setting${didYouMean(variable, byVariable.keys())}`;
      // Without the value: it may be a secret.
      problems.push({ setting: variable, value: undefined, rule, source: 'environment' });
    } else if (text !== undefined && text !== '') given.set(name, { text, source: variable });
  }
  return given;
}

const SECTIONS: readonly string[] = ['server', 'catalogue', 'certificates'];

/** The `server` section. A key without a value counts as not set. */
export function readServer(file: YamlFile, problems: Problem[]): GivenSettings {
  const given = new Map<string, Given>();
  for (const key of Object.keys(file.root)) {
    if (SECTIONS.includes(key)) continue;
    const hint = didYouMean(key, SECTIONS);
    problems.push(withoutValue(file.problemAt([key], pathText([key]), `unknown key${hint}`)));
  }
  const server = file.root['server'];
  if (server === undefined || server === '') return given;
  if (!isMapping(server)) {
    problems.push(file.problemAt(['server'], 'server', 'must be a mapping'));
    return given;
  }
  for (const [key, value] of Object.entries(server)) {
    const path = ['server', key];
    const problem = (rule: string) => file.problemAt(path, pathText(path), rule);
    if (!SETTING_NAMES.some((name) => name === key)) {
      problems.push(withoutValue(problem(`unknown key${didYouMean(key, SETTING_NAMES)}`)));
    } else if (typeof value !== 'string') {
      problems.push(problem('must be a single value; several have commas between'));
    } else if (value !== '') given.set(key, { text: value, source: problem('').source });
  }
  return given;
}

/** Kubernetes sets these in every pod beside a service named `tollgate`. */
function isServiceLink(variable: string): boolean {
  return /^TOLLGATE_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)/.test(variable);
}

function withoutValue(problem: Problem): Problem {
  return { ...problem, value: undefined };
}
