/** Requests in pieces: a server ends a connection over a message that is too long for it (10 MB by default). */

/** So many characters go in one message. Written as JSON, in UTF-8, a character takes three bytes at most, or two escaped. */
const PIECE = 1500000;

/** The messages that say *request*: itself, or its text in pieces. */
export function messages<T extends { id: number }>(request: T, most = PIECE): (T | { [key: string]: string | number })[] {
  const text = JSON.stringify(request);
  const of = Math.ceil(text.length / most);
  if (of === 1) {
    return [request];
  }
  const found = [];
  for (let piece = 0; piece < of; piece++) {
    found.push({ id: request.id, piece, of, text: text.slice(piece * most, (piece + 1) * most) });
  }
  return found;
}
