import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { openFolder, run } from './replay-run.js';

const folder = openFolder();
const file = folder.write('trace.csv', 'org,n,at\nacme,1,5\n');
const twice = folder.write('twice.csv', 'org,n,n\nacme,1,5\n');
const empty = folder.write('empty.csv', '');
const AT = ['--target', '127.0.0.1:1'];
const PLAIN = [file, ...AT, '--org', 'o', '--meter', 'm'];
const AZURE = [file, ...AT, '--format', 'azure-llm'];

afterAll(() => folder.close());
afterEach(() => vi.unstubAllEnvs());

describe('bad usage exits 2 and says what is wrong', () => {
  test.each<[message: string, argv: string[]]>([
    ['no file given', [...AT]],
    ['one file at a time', [file, 'other.csv', ...AT]],
    ['--target is required', [file, '--org', 'o']],
    ['--target: expected host:port or unix:///path', [file, '--target', 'http://localhost:1']],
    ['--target: expected host:port', [file, '--target', 'localhost']],
    ['--target: expected host:port', [file, '--target', 'localhost:70000']],
    ['--target: expected host:port', [file, '--target', 'unix:relative']],
    ['--colour: unknown flag', [...PLAIN, '--colour', 'red']],
    ['--speed: needs a value', [...PLAIN, '--speed']],
    ['one of --org, --org-column, --orgs is required', [file, ...AT, '--meter', 'm']],
    ['one of --meter, --meter-column is required', [file, ...AT, '--org', 'o']],
    ['--org and --orgs exclude each other', [...PLAIN, '--orgs', '3']],
    ['--meter and --meter-column exclude each other', [...PLAIN, '--meter-column', 'n']],
    ['exclude each other', [...PLAIN, '--quantity', '1', '--quantity-column', 'n']],
    ['--cpu-seconds-column gives the', [...PLAIN, '--quantity', '1', '--cpu-seconds-column', 'n']],
    ['exclude each other', [...PLAIN, '--event-id-column', 'n', '--event-id-prefix', 'p']],
    ['--event-id-prefix: expected', [...PLAIN, '--event-id-prefix', 'a b']],
    ['--format: expected one of csv, azure-llm, got parquet', [...PLAIN, '--format', 'parquet']],
    ['--mode: expected one of stream, batch, unary', [...PLAIN, '--mode', 'fast']],
    ['--limit: expected a whole number from 1 on, got 0', [...PLAIN, '--limit', '0']],
    ['--limit: expected a whole number', [...PLAIN, '--limit', '1.5']],
    ['--window: expected a whole number from 1 to 4096', [...PLAIN, '--window', '5000']],
    ['--batch-size: expected', [...PLAIN, '--mode', 'batch', '--batch-size', '1001']],
    ['--batch-size is for --mode batch', [...PLAIN, '--batch-size', '5']],
    ['--concurrency is for --mode unary and batch', [...PLAIN, '--concurrency', '5']],
    ['--window is for --mode stream', [...PLAIN, '--mode', 'unary', '--window', '5']],
    ['--shift-time needs --time-column', [...PLAIN, '--shift-time', 'now']],
    ['--speed needs --time-column', [...PLAIN, '--speed', '10']],
    ['--time-format needs --time-column', [...PLAIN, '--time-format', 'unix']],
    ['--shift-time: expected "now"', [...PLAIN, '--time-column', 'at', '--shift-time', 'noon']],
    ['--speed: expected "max" or a factor', [...PLAIN, '--time-column', 'at', '--speed', '0']],
    ['--dimension: expected key=value, got tier', [...PLAIN, '--dimension', 'tier']],
    ['--dimension: a is given twice', [...PLAIN, '--dimension', 'a=1', '--dimension', 'a=2']],
    ['n is a --dimension too', [...PLAIN, '--dimension', 'n=1', '--dimension-column', 'n']],
    ['--meter does not go with --format azure-llm', [...AZURE, '--meter', 'm']],
    ['--format azure-llm: no column "TIMESTAMP" in the file, which has "org", "n"', [...AZURE]],
    ['--quantity-column: no column "tokens" in the', [...PLAIN, '--quantity-column', 'tokens']],
    ['none.csv: no such file', [folder.path('none.csv'), ...PLAIN.slice(1)]],
    ['not a regular file', [folder.path('.'), ...PLAIN.slice(1)]],
    ['the file is empty', [empty, ...PLAIN.slice(1)]],
    [
      '--quantity-column: column "n" stands twice in the header',
      [twice, ...PLAIN.slice(1), '--quantity-column', 'n'],
    ],
  ])('%s', async (message, argv) => {
    const { exitCode, stdout, stderr } = await run(...argv);
    expect(stderr).toContain(message);
    expect(stderr.split('\n')).toHaveLength(2);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  });

  test('a credential file that does not hold one key, without printing it', async () => {
    vi.stubEnv('TOLLGATE_API_KEY_FILE', folder.write('key', 'secret one\nsecret two\n'));
    const { exitCode, stderr } = await run(...PLAIN);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('TOLLGATE_API_KEY_FILE');
    expect(stderr).not.toContain('secret');
  });
});

describe('the command', () => {
  test('prints its help and exits 0', async () => {
    const { exitCode, stdout, stderr } = await run('--help');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('Usage: tollgate replay <file.csv> --target <address>');
  });

  test('exits 1 where no server answers', async () => {
    const { exitCode, stderr } = await run(...PLAIN, '--connect-timeout-ms', '50');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('127.0.0.1:1: no gRPC server answers within 50 ms');
  });
});
