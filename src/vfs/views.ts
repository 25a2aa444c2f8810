import type { Principal } from '../auth/principal.js';
import type { View } from './view.js';

/** Where front ends get a view from. The same principal gets views that share handles, locks and changes. */
export interface Views {
  of(principal: Principal): View;
}
