/** A text without NUL, because PostgreSQL's text cannot contain NUL. Each NUL becomes `instead`. */
export const pgText = (text: string, instead = '\uFFFD'): string => text.replaceAll('\0', instead);
