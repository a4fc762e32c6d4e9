// The Huffman code of HPACK (RFC 7541 appendix B) for printable ASCII: all that gRPC allows in a
// header. The code is canonical, so the characters of each length, in order, give every code; the
// longer codes (controls, "\", non-ASCII) follow these and are left out.

export const HUFFMAN_BITS_MAX = 15;

const charactersByBits: readonly [bits: number, characters: string][] = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\0$@[]~'],
  [14, '^}'],
  [HUFFMAN_BITS_MAX, '<`{'],
];

/** Keyed by the code with a 1 put before it, so that codes of different lengths differ. */
export const huffmanCodes: ReadonlyMap<number, string> = assignCodes();

function assignCodes(): Map<number, string> {
  const codes = new Map<number, string>();
  let code = 0;
  let bitsBefore = 0;
  for (const [bits, characters] of charactersByBits) {
    code <<= bits - bitsBefore;
    bitsBefore = bits;
    for (const character of characters) codes.set((1 << bits) | code++, character);
  }
  return codes;
}
