// Measures and colours of the page, in points (1/72 inch). One place, so that the whole keeps
// together when one of them changes.

/** A4. */
export const PAPER = { width: 595.28, height: 841.89 } as const;

/** Where things may stand: x from `left` to `right`, y from `top` to `bottom`. */
export const AREA = {
  left: 48,
  right: PAPER.width - 48,
  width: PAPER.width - 96,
  top: 48,
  bottom: PAPER.height - 64,
  /** Baseline of the footer. */
  footer: PAPER.height - 36,
} as const;

export const COLOURS = {
  text: '#1a1f36',
  soft: '#4f566b',
  grey: '#697386',
  rule: '#e3e8ee',
  strong: '#a3acb9',
  ground: '#f6f8fa',
  watermark: '#f0f2f5',
} as const;

export type Weight = 'REGULAR' | 'SEMIBOLD';

export interface Style {
  readonly weight: Weight;
  readonly size: number;
  readonly colour: string;
}

export const STYLES = {
  title: { weight: 'SEMIBOLD', size: 24, colour: COLOURS.text },
  number: { weight: 'REGULAR', size: 10.5, colour: COLOURS.soft },
  seller: { weight: 'SEMIBOLD', size: 12.5, colour: COLOURS.text },
  heading: { weight: 'SEMIBOLD', size: 7.5, colour: COLOURS.grey },
  strong: { weight: 'SEMIBOLD', size: 8.5, colour: COLOURS.text },
  body: { weight: 'REGULAR', size: 8.5, colour: COLOURS.text },
  soft: { weight: 'REGULAR', size: 8.5, colour: COLOURS.soft },
  small: { weight: 'REGULAR', size: 7, colour: COLOURS.grey },
  headline: { weight: 'SEMIBOLD', size: 18, colour: COLOURS.text },
  due: { weight: 'SEMIBOLD', size: 11, colour: COLOURS.text },
  watermark: { weight: 'SEMIBOLD', size: 128, colour: COLOURS.watermark },
} as const satisfies Readonly<Record<string, Style>>;

/** Distance of two baselines. */
export function leading({ size }: Style): number {
  return size * 1.36;
}
