// The manifests in deploy/ are configurations that Tollgate accepts.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { compiled } from '../support/compiled.js';
import { configOf } from './given.js';

const KUBERNETES = new URL('../../deploy/kubernetes/', import.meta.url);

test.each([
  ['statefulset.yaml', 'required'],
  ['deployment.yaml', 'off'],
])('%s passes check-config, with authentication %s', (manifest, auth) => {
  const env = environmentOf(manifest);
  const config = configOf({ env: { ...env, TOLLGATE_CONFIG: 't.yaml' }, yaml: mountedFile() });
  expect(config.auth).toBe(auth);
  expect(config.grpcListen).toEqual([
    { kind: 'tcp', host: '127.0.0.1', port: 50051 },
    { kind: 'unix', path: '/var/run/tollgate/grpc/tollgate.sock' },
  ]);
  expect(config.httpListen).toEqual([{ kind: 'tcp', host: '127.0.0.1', port: 8081 }]);
  expect(config.opsListen).toEqual({ kind: 'tcp', host: '0.0.0.0', port: 9464 });
  expect(config.catalogueSource).toBe('file');
  const catalogue = compiled(config.catalogue);
  expect([...catalogue.meters.keys()]).toEqual([
    'run_units',
    'executions',
    'tokens',
    'agents',
    'spend',
  ]);
});

test('the line that the README takes the file out of the ConfigMap with does so', () => {
  const readme = readFileSync(new URL('README.md', KUBERNETES), 'utf8');
  const line = /^(sed .*) > tollgate\.yaml$/m.exec(readme)?.[1] ?? '';
  const root = new URL('../../', KUBERNETES);
  expect(execFileSync('sh', ['-c', line], { cwd: root, encoding: 'utf8' })).toBe(mountedFile());
});

interface Manifest {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: { readonly spec: { readonly initContainers: readonly Container[] } };
  };
}

interface Container {
  readonly name: string;
  readonly env: readonly Variable[];
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly configMapKeyRef?: { readonly name: string; readonly key: string };
  };
}

function manifestsIn(file: string): readonly Manifest[] {
  const text = readFileSync(new URL(file, KUBERNETES), 'utf8');
  return parseAllDocuments(text).map((document): Manifest => document.toJS());
}

function mountedFile(): string {
  const text = manifestsIn('configmap.yaml')[0]?.data?.['tollgate.yaml'];
  if (text === undefined) throw new Error('configmap.yaml has no tollgate.yaml');
  return text;
}

function environmentOf(file: string): Record<string, string> {
  const manifests = manifestsIn(file);
  const sidecar = manifests
    .flatMap(({ spec }) => spec?.template?.spec.initContainers ?? [])
    .find(({ name }) => name === 'tollgate');
  const mapped = ({ valueFrom }: Variable) => {
    const reference = valueFrom?.configMapKeyRef;
    const map = manifests.find(({ kind, metadata }) => {
      return kind === 'ConfigMap' && metadata?.name === reference?.name;
    });
    return map?.data?.[reference?.key ?? ''] ?? '';
  };
  return Object.fromEntries(
    (sidecar?.env ?? []).map((variable) => [variable.name, variable.value ?? mapped(variable)]),
  );
}
