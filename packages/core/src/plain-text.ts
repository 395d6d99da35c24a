/** Control characters, line ends, what turns the direction of writing around, and halves of characters. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]+/gu;

/** Somebody's text, of a topology, an error or another computer, as one line that shows what it holds, and steers no terminal. */
export function oneLine(text: string): string {
  return withoutControl(text).trim();
}

/** Text of several lines, some words of which are somebody else's: it keeps its lines, and steers no terminal. */
export function plainLines(text: string): string {
  return text.split('\n').map(withoutControl).join('\n');
}

/** As `oneLine`, with the blanks at both ends. */
export function withoutControl(text: string): string {
  return text.replaceAll(unprintable, ' ');
}
