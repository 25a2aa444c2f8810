import { MalformedPacket } from './packet.js';
import { MAX_PACKET } from './protocol.js';

/**
 * Cuts the bytes of a channel into packets, without their length. A packet that came in one piece is passed as a view;
 * one that did not is gathered into a buffer of its own, copied once.
 * @returns what takes each piece as it comes; it throws MalformedPacket for a length that is no packet's
 */
export function packets(deliver: (packet: Buffer) => void): (piece: Buffer) => void {
  const header = Buffer.alloc(4);
  let headerLength = 0;
  let packet: Buffer | undefined;
  let filled = 0;
  return (piece) => {
    let at = 0;
    while (at < piece.length) {
      if (packet === undefined) {
        const taken = Math.min(4 - headerLength, piece.length - at);
        piece.copy(header, headerLength, at, at + taken);
        headerLength += taken;
        at += taken;
        if (headerLength < 4) return;
        headerLength = 0;
        const length = header.readUInt32BE(0);
        if (length < 1 || length > MAX_PACKET) throw new MalformedPacket(`a packet of ${length} bytes`);
        if (piece.length - at >= length) {
          deliver(piece.subarray(at, at + length));
          at += length;
          continue;
        }
        packet = Buffer.allocUnsafe(length);
        filled = 0;
      }
      const taken = Math.min(packet.length - filled, piece.length - at);
      piece.copy(packet, filled, at, at + taken);
      filled += taken;
      at += taken;
      if (filled === packet.length) {
        const whole = packet;
        packet = undefined;
        deliver(whole);
      }
    }
  };
}
