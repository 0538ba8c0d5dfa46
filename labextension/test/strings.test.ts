/** Whatever users read goes through the translation bundle, and stands in the source in a way that can be extracted. */
import assert from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import * as ts from 'typescript';

const SHOWN = new Set(['label', 'title', 'caption', 'message', 'hint', 'okLabel', 'placeholder', 'alt', 'textContent']);
const CALLS = new Set(['__', '_n', '_p']);
/** What is the same in every language: names, signs, and code. */
const NAMES = new Set(['Timeslip', 'In', 'id']);

/** Words in *text* that somebody would have to translate. */
function words(text: string): boolean {
  return (text.match(/\p{L}{2,}/gu) ?? []).some(word => !NAMES.has(word));
}

function isCall(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && CALLS.has(node.expression.name.text);
}

/** The literals in *node* that end up on the screen: not what is looked up or compared, nor what is translated. */
function literals(node: ts.Node): string[] {
  if (ts.isStringLiteralLike(node)) {
    return [node.text];
  }
  if (ts.isTemplateExpression(node)) {
    return [node.head.text, ...node.templateSpans.flatMap(span => [span.literal.text, ...literals(span.expression)])];
  }
  if (ts.isConditionalExpression(node)) {
    return [...literals(node.whenTrue), ...literals(node.whenFalse)];
  }
  if (ts.isBinaryExpression(node)) {
    const joins = [ts.SyntaxKind.PlusToken, ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionToken];
    return joins.includes(node.operatorToken.kind) ? [...literals(node.left), ...literals(node.right)] : literals(node.right);
  }
  if (ts.isParenthesizedExpression(node) || ts.isJsxExpression(node)) {
    return node.expression ? literals(node.expression) : [];
  }
  return [];
}

function nameOf(node: ts.Node): string {
  return ts.isPropertyAccessExpression(node) ? node.name.text : node.getText();
}

/** What is shown at *node* itself, without translation. */
function shown(node: ts.Node): string[] {
  if (ts.isJsxText(node)) {
    return [node.text];
  }
  if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) {
    return literals(node);
  }
  if (ts.isJsxAttribute(node) && node.initializer) {
    const name = node.name.getText();
    return SHOWN.has(name) || name === 'aria-label' ? literals(node.initializer) : [];
  }
  if (ts.isPropertyAssignment(node) && SHOWN.has(node.name.getText())) {
    return literals(node.initializer);
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken && SHOWN.has(nameOf(node.left))) {
    return literals(node.right);
  }
  return [];
}

test('every word that users read can be translated', () => {
  const found: string[] = [];
  for (const path of readdirSync('src', { recursive: true }) as string[]) {
    if (!/\.tsx?$/.test(path)) {
      continue;
    }
    const file = join('src', path);
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2018, true);
    const visit = (node: ts.Node): void => {
      const untranslated = shown(node).filter(words);
      if (untranslated.length) {
        found.push(`${file}: ${untranslated.join(' … ')}`);
      }
      if (isCall(node)) {
        const given = node.arguments.slice(0, (node.expression as ts.PropertyAccessExpression).name.text === '__' ? 1 : 2);
        found.push(...given.filter(one => !ts.isStringLiteralLike(one)).map(one => `${file}: ${one.getText()} is no literal`));
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  assert.deepEqual(found, []);
});
