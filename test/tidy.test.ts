// The house rules that a machine can hold: layers, import bans, file sizes, names.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

/** A folder imports only folders above it; `limits.ts` is for all. */
const LAYERS = [
  'base',
  'client',
  'domain',
  'pdf',
  'seed',
  'telemetry',
  'journal',
  'state',
  'ledger',
  'operations',
  'access',
  'rpc',
  'pumps',
  'grpc',
  'http',
  'ops',
] as const;

/** Files at the top that import everything; nobody imports them, but for those named. */
const TOP: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['launcher.cts'],
  'serve.ts': ['main.ts'],
  'service.ts': ['serve.ts'],
  'config.ts': ['main.ts', 'serve.ts', 'service.ts'],
  'seed.ts': ['config.ts'],
  'launcher.cts': [],
};

/** Packages and the only places that may import them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': ['client/', 'grpc/', 'ops/backup/', 'ops/keys/', 'ops/remote/', 'ops/replay/'],
  '@grpc/reflection': ['grpc/'],
  'grpc-health-check': ['grpc/'],
  '@bufbuild/protobuf': ['grpc/', 'http/'],
  fastify: ['http/'],
  '@fastify/cors': ['http/'],
  lmdb: ['state/'],
  pino: ['telemetry/'],
  'pino-pretty': ['telemetry/'],
  'prom-client': ['telemetry/'],
  zod: ['seed/', 'seed.ts'],
  pdfkit: ['pdf/'],
  fontkit: ['pdf/'],
  jose: ['access/'],
  yaml: ['seed/', 'seed.ts', 'config.ts'],
};

const LINES_MAX = 400;
const COLUMNS_MAX = 100;
/** A test's name is a sentence, and no formatter breaks it. */
const TEST_COLUMNS_MAX = 120;
const BANNED_NAMES = /(^|\/)(utils?|helpers?|common|types|misc|index)\.ts$/;

interface SourceFile {
  /** Relative to `src/` or to the root. */
  readonly path: string;
  readonly lines: readonly string[];
  readonly imports: readonly string[];
}

const sources = filesUnder(SRC).map((path) => readSource(path, SRC));
const tests = filesUnder(join(ROOT, 'test')).map((path) => readSource(path, ROOT));

test('a folder imports only folders above it', () => {
  const wrong = sources.flatMap(({ path, imports }) => {
    const own = layerOf(path);
    return imports.flatMap((imported) => {
      const target = imported.startsWith('.') ? resolveWithin(path, imported) : undefined;
      if (target === undefined || own === undefined) return [];
      const other = layerOf(target);
      if (other === undefined || other <= own) return [];
      return [`${path} imports ${target}`];
    });
  });
  expect(wrong).toEqual([]);
});

test('the files at the top are imported only by those above them', () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .filter((imported) => imported.startsWith('.'))
      .map((imported) => resolveWithin(path, imported))
      .filter((target) => target in TOP && !TOP[target]?.includes(path))
      .map((target) => `${path} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('the client pulls in nothing of the server', () => {
  const wrong = sources
    .filter(({ path }) => path.startsWith('client/'))
    .flatMap(({ path, imports }) =>
      imports
        .map((imported) => (imported.startsWith('.') ? resolveWithin(path, imported) : imported))
        .filter((target) => !/^(client|base|\.\.\/generated\/ts)\//.test(target))
        .filter((target) => !['@grpc/grpc-js', 'node:timers/promises'].includes(target))
        .map((target) => `${path} imports ${target}`),
    );
  expect(wrong).toEqual([]);
});

test('base and domain touch no file, socket or clock of their own', () => {
  const allowed = new Set(['node:crypto', 'node:fs/promises', 'node:path']);
  const wrong = sources
    .filter(({ path }) => path.startsWith('base/') || path.startsWith('domain/'))
    .flatMap(({ path, imports }) =>
      imports
        .filter((imported) => imported.startsWith('node:'))
        .filter((imported) => path.startsWith('domain/') || !allowed.has(imported))
        .map((imported) => `${path} imports ${imported}`),
    );
  expect(wrong).toEqual([]);
});

test('a package is imported only where ARCHITECTURE.md lets it', () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .filter((imported) => !imported.startsWith('.') && !imported.startsWith('node:'))
      .filter((imported) => !mayImport(path, packageOf(imported)))
      .map((imported) => `${path} imports ${imported}`),
  );
  expect(wrong).toEqual([]);
});

test('every dependency has a line in ARCHITECTURE.md', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const text = readFileSync(join(SRC, 'ARCHITECTURE.md'), 'utf8');
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test('no file is longer than 400 lines, no line of a source longer than 100 columns', () => {
  const wrong = [...sources, ...tests].flatMap(({ path, lines }) => [
    ...(lines.length > LINES_MAX + 1 ? [`${path}: ${lines.length} lines`] : []),
    ...lines.flatMap((line, i) => (line.length > columnsMax(path) ? [`${path}:${i + 1}`] : [])),
  ]);
  expect(wrong).toEqual([]);
});

test('no default export, no barrel, no file named after nothing', () => {
  const wrong = sources.filter(
    ({ path, lines }) =>
      BANNED_NAMES.test(path) || lines.some((line) => /^export (default|\* from)/.test(line)),
  );
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test('nothing is left undone in the sources', () => {
  const wrong = sources.flatMap(({ path, lines }) =>
    lines.flatMap((line, i) =>
      /\b(TODO|FIXME|XXX|HACK)\b/.test(line) ? [`${path}:${i + 1}`] : [],
    ),
  );
  expect(wrong).toEqual([]);
});

function columnsMax(path: string): number {
  return path.startsWith('test/') ? TEST_COLUMNS_MAX : COLUMNS_MAX;
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.c?ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function readSource(path: string, root: string): SourceFile {
  const text = readFileSync(path, 'utf8');
  const statements = /^(?:import\s[^;]*?|export (?:type )?\{[^}]*\} )from '([^']+)'/gms;
  const dynamic = /import\('([^']+)'\)/g;
  const imports = [...text.matchAll(statements), ...text.matchAll(dynamic)].map(
    (match) => match[1] ?? '',
  );
  return { path: relative(root, path), lines: text.split('\n'), imports };
}

function resolveWithin(path: string, imported: string): string {
  const target = relative(SRC, resolve(SRC, dirname(path), imported));
  return target.replace(/\.js$/, '.ts').replace(/\.cjs$/, '.cts');
}

/** Undefined for files at the top, `limits.ts` and generated code. */
function layerOf(path: string): number | undefined {
  const index = LAYERS.findIndex((layer) => path.startsWith(`${layer}/`));
  return index < 0 ? undefined : index;
}

function packageOf(imported: string): string {
  const parts = imported.split('/');
  return imported.startsWith('@') ? `${parts[0]}/${parts[1]}` : (parts[0] ?? '');
}

function mayImport(path: string, name: string): boolean {
  return PACKAGES[name]?.some((place) => path.startsWith(place)) ?? false;
}
