/**
 * Commands in what the kernel says, as they are typed in a cell.
 *
 * The kernel writes verbs bare, between backticks: a shell and a notebook have words of their own before them.
 */

/** What can be typed behind `%timeslip`. */
export const VERBS = [
  'blame', 'branch', 'checkout', 'commit', 'config', 'describe', 'diff', 'du', 'forget', 'gc', 'get', 'log',
  'ops', 'redo', 'replay', 'resume', 'sessions', 'show', 'status', 'switch', 'tag', 'trust', 'undo', 'verify'
];

const COMMAND = new RegExp(`\`(?:%?timeslip )?(${VERBS.join('|')})(?=[ \`])`, 'g');

export function spoken(text: string): string {
  return text.replace(COMMAND, '`%timeslip $1');
}
