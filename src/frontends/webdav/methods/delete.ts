import { guard, type Method, reply } from '../exchange.js';

/** DELETE (RFC 4918 §9.6), always with all that is below. */
export const remove: Method = async (exchange) => {
  const { view, path, call } = exchange;
  await guard(exchange);
  await view.removeTree(path, call);
  reply(exchange, 204);
};
