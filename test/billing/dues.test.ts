import { expect, test } from 'vitest';
import { openDues } from '../../src/operations/billing/dues.js';

test('what cannot be closed is due again, and failing until it is closed', () => {
  const dues = openDues();
  dues.touch('acme');
  expect(dues.due(100)).toEqual(['acme']);
  dues.putOff('acme', 160);
  expect([dues.failing(), dues.due(159), dues.due(160)]).toEqual([1, [], ['acme']]);
  dues.set('acme', 500);
  expect([dues.failing(), dues.due(160), [...dues.all()]]).toEqual([0, [], [['acme', 500]]]);
});
