// What a client refuses before it talks to anybody: options and quantities.

import { describe, expect, test } from 'vitest';
import { openTollgate, type TollgateOptions, type Usage } from '../../src/client/client.js';

const target = '127.0.0.1:1';

describe('openTollgate', () => {
  test.each<[object, string]>([
    [{}, 'target must be host:port or unix:///path'],
    [{ target: 'localhost' }, 'target must be host:port or unix:///path'],
    [{ target: '127.0.0.1:0' }, 'target must be host:port or unix:///path'],
    [{ target: '127.0.0.1:65536' }, 'target must be host:port or unix:///path'],
    [{ target: 'unix:relative' }, 'target must be host:port or unix:///path'],
    [{ target, apiKey: '' }, 'apiKey must be printable ASCII text, or a function that gives it'],
    [{ target, apiKey: 'two words' }, 'apiKey must be printable ASCII text'],
    [{ target, apiKey: 7 }, 'apiKey must be printable ASCII text'],
    [{ target, orgId: 'acme/eu' }, 'orgId must match'],
    [{ target, tls: { rootCertificate: 'ca.pem' } }, 'tls.rootCertificate must be PEM'],
    [
      { target, tls: { clientCertificate: { certificate: 'x', privateKey: 'x' } } },
      'tls.clientCertificate.certificate must be PEM',
    ],
    [{ target, onUnavailable: 'open' }, 'onUnavailable must be fail_open or fail_closed'],
    [{ target, bufferEventsMax: 0 }, 'bufferEventsMax must be a whole number from 1 to 1000000'],
    [{ target, batchEventsMax: 1001 }, 'batchEventsMax must be a whole number from 1 to 1000'],
    [{ target, batchWaitMs: -1 }, 'batchWaitMs must be a whole number from 0 to 1000; got -1'],
    [{ target, deadlineMs: 0.5 }, 'deadlineMs must be a whole number from 1 to 600000; got 0.5'],
    [{ target, usageDeadlineMs: '9' }, 'usageDeadlineMs must be a whole number from 1'],
    [{ target, retry: { firstMs: 0 } }, 'retry.firstMs must be a whole number from 1'],
    [{ target, retry: { firstMs: 9, longestMs: 8 } }, 'retry.firstMs must not be above'],
    [{ target, onTrouble: 'log' }, 'onTrouble must be a function'],
    [{ target, deadline: 5 }, 'there is no option deadline'],
  ])('refuses %o: %s', (options, rule) => {
    const open = () => openTollgate(options as TollgateOptions);
    expect(open).toThrow(TypeError);
    expect(open).toThrow(`openTollgate: ${rule}`);
  });
});

describe('record', () => {
  const usage = { orgId: 'acme', meter: 'tokens' };

  test.each<[object, string]>([
    [{ ...usage, quantity: 0.5 }, 'quantity must be decimal text, a bigint or a safe integer'],
    [{ ...usage, quantity: 2 ** 53 }, 'quantity must be decimal text, a bigint or a safe integer'],
    [{ ...usage, quantity: Number.NaN }, 'quantity must be decimal text'],
    [{ ...usage, quantity: -1 }, 'quantity must be decimal text'],
    [{ ...usage, quantity: -1n }, 'quantity must be decimal text'],
    [{ ...usage, quantity: null }, 'quantity must be decimal text'],
    [{ ...usage, quantity: 1, run: {} }, 'quantity and run exclude each other'],
    [{ ...usage, run: { cpuSeconds: '1' } }, 'run.cpuSeconds must be a number'],
    [{ orgId: 'acme' }, 'meter must be text'],
    [{ ...usage, eventId: 7 }, 'eventId must be text'],
    [{ ...usage, dimensions: { tool: 7 } }, 'dimensions must be text'],
    [{ ...usage, dimensions: { tool: 'x'.repeat(1025) } }, 'dimensions is longer than 1024'],
    [{ ...usage, eventTime: new Date('never') }, 'eventTime must be a valid Date'],
  ])('refuses %o: %s', async (bad, rule) => {
    const tollgate = openTollgate({ target });
    const recorded = tollgate.record(bad as Usage);
    await expect(recorded).rejects.toThrow(TypeError);
    await expect(recorded).rejects.toThrow(rule);
    await tollgate.close();
  });
});
