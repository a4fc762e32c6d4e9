// One token is one text: nothing that differs from a sound token in a character is verified.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { claims, makeSigner, openVerifying, token, verdictOf } from '../support/tokens.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const signers = ['RS256', 'ES256', 'EdDSA'].map((algorithm) => makeSigner(algorithm, algorithm));

test('no other character at any place, none left out and none put in is verified', async () => {
  const { verifier } = await openVerifying(signers);
  const characters = fc.constantFrom(...ALPHABET, '.', '=', '+', '/', ' ', '\n', 'é');
  const kinds = fc.constantFrom('replace', 'remove', 'insert');
  const property = fc.asyncProperty(
    fc.constantFrom(...signers.map((signer) => token(signer))),
    fc.nat(),
    characters,
    kinds,
    async (sound, place, character, kind) => {
      const at = place % sound.length;
      const put = kind === 'remove' ? '' : character;
      const bent = sound.slice(0, at) + put + sound.slice(kind === 'insert' ? at : at + 1);
      fc.pre(bent !== sound);
      expect(await verdictOf(verifier, bent)).not.toBe('verified');
    },
  );
  await fc.assert(property, { numRuns: 3000 });
});

test('the last character of each part has one spelling', async () => {
  const { verifier } = await openVerifying(signers);
  // Payloads of each length modulo 3 end in other bits.
  const payloads = ['', 'x', 'xx'].map((filler) => claims({ filler }));
  for (const signer of signers) {
    for (const sound of payloads.map((payload) => token(signer, payload))) {
      expect(await verdictOf(verifier, sound)).toBe('verified');
      const ends = [sound.indexOf('.') - 1, sound.lastIndexOf('.') - 1, sound.length - 1];
      for (const at of ends) {
        for (const character of ALPHABET) {
          const bent = sound.slice(0, at) + character + sound.slice(at + 1);
          if (bent !== sound) expect(await verdictOf(verifier, bent)).not.toBe('verified');
        }
      }
    }
  }
});
