import { guard, type Method, reply } from '../exchange.js';
import { Refusal } from '../refusal.js';

/** MKCOL (RFC 4918 §9.3). */
export const mkcol: Method = async (exchange) => {
  // §9.3: a body of a type that is not understood; none is.
  if (exchange.request.hasBody) throw new Refusal(415);
  await guard(exchange);
  await exchange.view.mkdir(exchange.path, exchange.call);
  reply(exchange, 201);
};
