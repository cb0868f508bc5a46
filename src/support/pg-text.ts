/** A text without NUL, which PostgreSQL's text cannot hold. Each one becomes `instead`. */
export const pgText = (text: string, instead = '\uFFFD'): string => text.replaceAll('\0', instead);
