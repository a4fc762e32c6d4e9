// The usage that the demo replays: its own, the same in every run, or a file of the caller's.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CALLS = 360;
const SEED = 20_261_120;
const TOOLS = [
  // name, how often, seconds at most
  ['sandbox_execute', 34, 6],
  ['write_module_code', 24, 2],
  ['validate_module', 16, 1.5],
  ['build_module', 12, 8],
  ['web_search', 9, 0.4],
  ['install_module', 5, 3],
];
const TIERS = [
  ['standard', 80],
  ['heavy', 15],
  ['ultra', 5],
];
const ORGANISATIONS = [
  ['acme', 85],
  ['globex', 15],
];
const MODELS = [
  ['small', 70],
  ['large', 30],
];
const SERVICES = [
  ['analytics,report', 1],
  ['marketplace,wpk_upload', 3],
  ['search,query', 4],
];
const SERVICE_EVERY = 12;

/** Two files of one morning's tool calls: what each run took, and what else it used. */
export function writeTrace(directory) {
  const random = generator(SEED);
  const runs = ['org,tool,tier,cpu_seconds,gpu_seconds'];
  const usage = ['org,meter,quantity,tool,model,service,usage_type,run'];
  for (let call = 0; call < CALLS; call++) {
    const org = pick(ORGANISATIONS, random)[0];
    const [tool, , secondsMax] = pick(TOOLS, random);
    const model = pick(MODELS, random)[0];
    const tier = pick(TIERS, random)[0];
    const run = `run-${Math.floor(call / 40)}`;
    const cpu = (random() ** 2 * secondsMax).toFixed(3);
    const gpu = tool === 'build_module' && random() < 0.3 ? (random() * 4).toFixed(3) : '';
    runs.push(`${org},${tool},${tier},${cpu},${gpu}`);
    const input = Math.round(400 + random() ** 2 * 24_000);
    const output = Math.round(20 + random() ** 2 * 1800);
    usage.push(`${org},executions,1,${tool},,,,${run}`);
    usage.push(`${org},input_tokens,${input},,${model},,,`);
    usage.push(`${org},output_tokens,${output},,${model},,,`);
    if (call % SERVICE_EVERY === 0) {
      usage.push(`${org},service_usage,1,,,${pick(SERVICES, random)[0]},`);
    }
  }
  return [
    {
      what: `${CALLS} tool calls: CPU and GPU seconds`,
      path: write(directory, 'runs.csv', runs),
      flags: [
        ...['--org-column', 'org', '--meter', 'run_units'],
        ...['--cpu-seconds-column', 'cpu_seconds', '--gpu-seconds-column', 'gpu_seconds'],
        ...['--dimension-column', 'tool', '--dimension-column', 'tier'],
      ],
    },
    {
      what: 'their executions, tokens and services',
      path: write(directory, 'usage.csv', usage),
      flags: columnFlags(usage[0].split(',')),
    },
  ];
}

/** An Azure LLM inference trace, or a CSV with the columns org, meter, quantity and labels. */
export function readTrace(path) {
  const header = readFileSync(path, 'utf8').split(/\r?\n/, 1)[0].split(',');
  if (header.includes('ContextTokens')) {
    const flags = ['--format', 'azure-llm', '--orgs', '2', '--shift-time', 'now'];
    const what = 'an Azure LLM inference trace, its last row moved to now';
    return { traces: [{ what, path, flags }], org: 'org-000' };
  }
  const missing = ['org', 'meter', 'quantity'].filter((name) => !header.includes(name));
  if (missing.length > 0) throw new Error(`${path}: no column ${missing.join(', ')}`);
  const first = readFileSync(path, 'utf8').split(/\r?\n/, 2)[1] ?? '';
  const org = first.split(',')[header.indexOf('org')] ?? '';
  return { traces: [{ what: 'your usage', path, flags: columnFlags(header) }], org };
}

/** Columns beyond the known ones are labels. */
function columnFlags(header) {
  const named = { org: 'org', meter: 'meter', quantity: 'quantity', time: 'time' };
  return header.flatMap((name) =>
    name in named
      ? [`--${named[name]}-column`, name]
      : name === 'event_id'
        ? ['--event-id-column', name]
        : ['--dimension-column', name],
  );
}

function write(directory, name, lines) {
  const path = join(directory, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

function pick(choices, random) {
  let at = random() * choices.reduce((sum, [, weight]) => sum + weight, 0);
  for (const choice of choices) {
    at -= choice[1];
    if (at < 0) return choice;
  }
  return choices[0];
}

/** mulberry32. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
