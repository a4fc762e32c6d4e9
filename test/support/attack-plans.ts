// Plans for attacks on billing: prices that show at once what was charged for what.

import { catalogueYaml } from './catalogue.js';

const tokens = (price: string) => `[{meter: tokens, unit_price: ${price}}]`;

export const PLANS = catalogueYaml({
  price_lists: `
    - {id: usd, prices: ${tokens('0.10')}}`,
  plans: `
    - {id: free}
    - {id: basic, base_price: 30, prices: ${tokens('0.20')}}
    - {id: pro, base_price: 60, seat_price: 10, included_seats: 1, prices: ${tokens('0.30')}}
    - {id: month, base_price: 120, prices: ${tokens('1')}}
    - {id: year, base_price: 1200, base_interval: YEAR, prices: ${tokens('1')}}
    - {id: slow, base_price: 30, usage_interval: QUARTER, prices: ${tokens('0.40')}}
    - {id: free_of_base, prices: ${tokens('2')}}
    - {id: trial, base_price: 20, trial_days: 14, prices: ${tokens('1')}}
    - {id: paid, base_price: 20, trial_days: 14, requires_payment_method: true}
    - {id: yen, currency: JPY, base_price: 1001, seat_price: 0.5, prices: ${tokens('0.5')}}
    - {id: dinar, currency: KWD, base_price: 10, prices: ${tokens('0.0015')}}`,
});
