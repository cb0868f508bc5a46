const quote = 0x22;
const backslash = 0x5c;

/** An object or a list of the text that was begun and has not ended yet. */
interface Open {
  /** Names seen so far; undefined for a list. */
  readonly names: Set<string> | undefined;
  /** The member or entry that is being read. */
  at: string | number;
}

/**
 * The path of the first member that an object of a JSON text has twice, like `concerts.0.title`;
 * undefined when there is none. `JSON.parse` silently takes the last one, so the intended value is
 * unknown. Makes one pass, and needs at most as much memory as the text.
 * @param text a text that `JSON.parse` accepts
 */
export function memberTwice(text: string): string | undefined {
  const open: Open[] = [];
  let inside: Open | undefined;
  let namesNext = false;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"': {
        const end = endOfString(text, i);
        if (namesNext && inside?.names !== undefined) {
          const name = nameOf(text, i, end);
          inside.at = name;
          if (inside.names.has(name)) return open.map(({ at }) => at).join('.');
          inside.names.add(name);
          namesNext = false;
        }
        i = end;
        break;
      }
      case '{':
        inside = { names: new Set(), at: '' };
        open.push(inside);
        namesNext = true;
        break;
      case '[':
        inside = { names: undefined, at: 0 };
        open.push(inside);
        namesNext = false;
        break;
      case '}':
      case ']':
        open.pop();
        inside = open.at(-1);
        namesNext = false;
        break;
      case ',':
        if (typeof inside?.at === 'number') inside.at += 1;
        else namesNext = true;
        break;
      default:
    }
  }
  return undefined;
}

/** The place of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = start + 1;
  for (;;) {
    const code = text.charCodeAt(end);
    if (code === quote || Number.isNaN(code)) return end;
    end += code === backslash ? 2 : 1;
  }
}

/** A name may be written in two ways: `a` and `\u0061` are the same. */
function nameOf(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end);
  return raw.includes('\\') ? (JSON.parse(text.slice(start, end + 1)) as string) : raw;
}
