// Every RPC of the contract × every kind of credential, over gRPC and over HTTP: who may call it,
// for which organisation, and that a refusal tells nobody what exists.

import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { permissionsOf, ROLE_NAMES, ROLES } from '../../src/domain/access/roles.js';
import { bindingsOf, readContract } from '../../src/http/bindings.js';
import { variablesOf } from '../../src/http/routes.js';
import { permissionOf } from '../../src/rpc/authorise.js';
import { everyRpc, openRpcs } from '../../src/rpc/rpcs.js';
import { cold, time } from '../support/cold.js';
import { http } from '../support/http.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

const contract = readContract();
const rpcs = everyRpc(openRpcs());
const OWN = 'acme';
const KNOWN = 'bolt';
const UNKNOWN = 'nobody';

interface Called {
  readonly name: string;
  readonly service: string;
  readonly method: string;
  readonly input: DescMessage;
  readonly needs: (orgId: string) => string | undefined;
  /** '' where no organisation is concerned. */
  readonly orgPath: string;
}

const calls: readonly Called[] = rpcs.map(({ service, method, rpc }) => {
  const found = contract.getService(`tollgate.v1.${service}`)?.methods;
  const input = found?.find(({ name }) => name === method)?.input;
  if (input === undefined) throw new Error(`${service}.${method} is not in the contract`);
  const needs = (orgId: string) => permissionOf(rpc.needs, orgId);
  const name = `${service}.${method}`;
  return {
    name,
    service: service.replace(/Service$/, ''),
    method,
    input,
    needs,
    orgPath: rpc.org.path,
  };
});
const withOrg = calls.filter(({ orgPath }) => orgPath !== '');

let running: Running;
const keys = new Map<string, string>();

beforeAll(async () => {
  running = await start({ flags: [...AUTH_ON, '--rate-limit-burst', '1000000'] });
  const platform = bearer(bootstrapKey(running));
  for (const org_id of [OWN, KNOWN]) {
    const request = { organization: { org_id } };
    await cold(running, 'Organization', 'CreateOrganization', request, platform);
  }
  for (const role of ROLE_NAMES) {
    const of = ROLES[role].of;
    const fields = of === 'platform' ? { allowed_orgs: [OWN] } : { org_id: OWN };
    keys.set(role, (await makeKey(running, { ...fields, roles: [role] })).secret);
  }
  keys.set('platform', bootstrapKey(running));
  const revoked = await makeKey(running, { org_id: OWN, roles: ['owner'] });
  const request = { key_id: revoked.key_id };
  await cold(running, 'Access', 'RevokeApiKey', request, platform);
  keys.set('revoked', revoked.secret);
  const soon = time(new Date(running.core.clock.wallMs() + 150).toISOString());
  const expired = await makeKey(running, { org_id: OWN, roles: ['owner'], expire_time: soon });
  keys.set('expired', expired.secret);
  while (running.core.clock.wallMs() < soon.seconds * 1000 + soon.nanos / 1e6) {
    await new Promise((resolve) => setImmediate(resolve));
  }
});
afterAll(async () => {
  expect(running.fatal).toEqual([]);
  await running.stop();
});

const keyOf = (name: string) => keys.get(name) ?? '';

/** An empty request with an organisation where the RPC has one. */
function requestFor({ orgPath }: Called, orgId: string): Record<string, unknown> {
  if (orgPath === '' || orgId === '') return {};
  const [first = '', second] = orgPath.split('.');
  return second === undefined ? { [first]: orgId } : { [first]: { [second]: orgId } };
}

async function outcome(called: Called, request: object, key: string): Promise<string> {
  const metadata = key === '' ? {} : bearer(key);
  const answer = cold(running, called.service, called.method, request, metadata);
  return answer.then(
    () => 'answered',
    async () => {
      const { code, reason, message } = await refused(answer);
      return `${code} ${reason} ${message}`;
    },
  );
}

const DENIED = /^(PERMISSION_DENIED|UNAUTHENTICATED) /;

test('every unary RPC of the contract is in the table, and no other', () => {
  const inContract = [...contract].flatMap((type) => {
    if (type.kind !== 'service' || !type.typeName.startsWith('tollgate.v1.')) return [];
    return type.methods
      .filter(({ methodKind }) => methodKind === 'unary')
      .map(({ name }) => `${type.name}.${name}`);
  });
  expect(calls.map(({ name }) => name).sort()).toEqual(inContract.sort());
  expect(calls.length).toBeGreaterThan(90);
});

test('every RPC that has an organisation in its request says where', () => {
  const silent = calls.filter(({ input, orgPath }) => orgPath === '' && namesOrg(input));
  // What cannot be changed is ignored there: who a plan is for.
  expect(silent.map(({ name }) => name)).toEqual(['CatalogService.UpdatePlan']);
});

function namesOrg(message: DescMessage, depth = 0): boolean {
  return message.fields.some((field: DescField) => {
    if (field.name === 'org_id') return true;
    const isObject = field.fieldKind === 'message' && depth === 0;
    return isObject && namesOrg(field.message, depth + 1);
  });
}

describe.each(calls.map((called) => [called.name, called] as const))('%s', (_name, called) => {
  test('is refused without a credential, and with one that has ended', async () => {
    const request = requestFor(called, OWN);
    expect(await outcome(called, request, '')).toContain('UNAUTHENTICATED CREDENTIAL_MISSING');
    for (const key of ['revoked', 'expired']) {
      expect(await outcome(called, request, keyOf(key))).toContain('CREDENTIAL_INVALID');
    }
  });

  test.each(ROLE_NAMES)('is open to a %s just where its permission is', async (role) => {
    const needed = called.needs(called.orgPath === '' ? '' : OWN);
    const may = needed === undefined || permissionsOf([role]).has(needed as never);
    const answer = await outcome(called, requestFor(called, OWN), keyOf(role));
    if (may) expect(answer).not.toMatch(DENIED);
    else expect(answer).toContain(`PERMISSION_DENIED PERMISSION_MISSING`);
  });
});

describe.each(withOrg.map((called) => [called.name, called] as const))('%s', (_name, called) => {
  test('says the same of another organisation, whether it exists or not', async () => {
    const role = ROLE_NAMES.find((each) => {
      const needed = called.needs(OWN);
      return needed === undefined || permissionsOf([each]).has(needed as never);
    });
    for (const key of [role ?? '', 'orchestrator', 'platform_admin']) {
      const [known, unknown] = await Promise.all(
        [KNOWN, UNKNOWN].map((orgId) => outcome(called, requestFor(called, orgId), keyOf(key))),
      );
      expect(known).toMatch(/^PERMISSION_DENIED /);
      expect(known?.replace(KNOWN, 'X')).toBe(unknown?.replace(UNKNOWN, 'X'));
    }
  });

  test('without one is about the own organisation, for a credential that has one', async () => {
    const role = ROLE_NAMES.find((each) => {
      return (
        ROLES[each].of === 'organisation' && permissionsOf([each]).has(called.needs(OWN) as never)
      );
    });
    if (role === undefined) return;
    const [absent, given] = [
      await outcome(called, emptied(called), keyOf(role)),
      await outcome(called, requestFor(called, OWN), keyOf(role)),
    ];
    expect(absent).toBe(given);
  });
});

/** The object is there, and names no organisation. */
function emptied({ orgPath }: Called): object {
  const [first = '', second] = orgPath.split('.');
  return second === undefined ? {} : { [first]: {} };
}

describe('over HTTP', () => {
  const bindings = bindingsOf(contract).map(
    (binding) => [`${binding.verb} ${binding.template}`, binding] as const,
  );

  test.each(bindings)(
    '%s asks for a credential and keeps to its organisation',
    async (_n, binding) => {
      const called = calls.find(({ name }) => name === `${binding.service}.${binding.method.name}`);
      if (called === undefined) throw new Error('not in the table');
      const path = (orgId: string) =>
        binding.template.replace(/\{([a-z0-9_.]+)\}/g, (_whole, name) =>
          name === called.orgPath ? orgId : 'x1',
        );
      const given = binding.body === 'whole' ? { body: {} } : {};
      const nobody = await http(running, binding.verb, path(OWN), given);
      expect(nobody.status).toBe(401);
      if (!variablesOf(binding.template).includes(called.orgPath)) return;
      const answers = await Promise.all(
        [KNOWN, UNKNOWN].map(async (orgId) => {
          const headers = bearer(keyOf('owner'));
          const { status, json } = await http(running, binding.verb, path(orgId), {
            ...given,
            headers,
          });
          return JSON.stringify([status, json]).replaceAll(orgId, 'X');
        }),
      );
      expect(answers[0]).toMatch(/^\[403,/);
      expect(answers[0]).toBe(answers[1]);
    },
  );
});
