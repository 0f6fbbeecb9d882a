/** Models and patches that leave the page as files and come back. */
import { readFile } from 'node:fs/promises';
import { expect } from '@playwright/test';
import {
  deletePatch,
  downloadModel,
  downloadPatch,
  EDITS,
  filesOf,
  open,
  openModel,
  payload,
  run,
  shownTokens,
  topToken,
  typeFreePrompt,
  typeOneEdit,
} from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

const DEMO = 'public/models/demo';
const TINY = 'tests/reference/models/tiny-gpt2';

test('a model of one’s own without statistics: predicts, and a run takes them over the text that ships', async ({
  page,
}) => {
  await open(page);
  const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  await openModel(page, await filesOf(TINY, names));
  await expect(page.getByRole('banner')).toContainText('62,528 parameters');
  await typeFreePrompt(page, 'The capital of {} is', 'Norway', 'Rome');
  await run(page);
  // Ten for each of the 128 rows, and what the last document has more.
  await expect(page.getByRole('region', { name: 'Progress' })).toContainText(/Statistics.*1,[2-4]\d\d tokens/);
});

/** "French42.3 %" as token and percent; what is below the last shown digit counts as 0.1. */
function readShown(texts: readonly string[]): { token: string; percent: number }[] {
  return texts.map((text) => {
    const parts = /^(.*?)[<>]?\s*(\d+(?:\.\d+)?)\s%$/u.exec(text);
    if (!parts) throw new Error(`“${text}” is no token with its probability.`);
    return { token: parts[1], percent: Number(parts[2]) };
  });
}

test('a model downloaded after an edit says, opened again, what the edited one said', async ({ page }) => {
  await open(page);
  await typeOneEdit(page);
  const before = await shownTokens(page, 1);
  await run(page);
  await expect(topToken(page, 1)).toContainText(EDITS[0].object);
  const edited = readShown(await shownTokens(page, 1));
  expect(edited).not.toEqual(readShown(before));
  const model = await downloadModel(page, 'Full model (F32)');

  const rest = await filesOf(DEMO, ['config.json', 'tokenizer.json', 'tokenizer_config.json']);
  await openModel(page, [payload('model.safetensors', model.bytes), ...rest]);
  await expect(page.getByRole('banner')).toContainText('local model');
  await expect(page.getByRole('switch')).toHaveCount(0);
  const facts = JSON.parse(await readFile(`${DEMO}/facts.json`, 'utf8')) as {
    relations: { id: string; templates: string[] }[];
  };
  const relation = facts.relations.find(({ id }) => id === EDITS[0].relation);
  await typeFreePrompt(page, relation?.templates[0] ?? '', EDITS[0].subject, EDITS[0].was);
  await expect(topToken(page, 1)).toContainText(EDITS[0].object);
  const reopened = readShown(await shownTokens(page, 1));
  expect(reopened.map(({ token }) => token)).toEqual(edited.map(({ token }) => token));
  for (const [i, { percent }] of reopened.entries()) expect(Math.abs(percent - edited[i].percent)).toBeLessThan(0.11);
});

test('a patch file brings a deleted edit back', async ({ page }) => {
  await open(page);
  await typeOneEdit(page);
  const before = await shownTokens(page, 1);
  await run(page);
  await expect(topToken(page, 1)).toContainText(EDITS[0].object);
  const edited = await shownTokens(page, 1);
  const file = await downloadPatch(page);
  expect(file.name).toMatch(/russian.*\.safetensors$/);

  await deletePatch(page);
  await expect(topToken(page, 1)).toContainText(EDITS[0].was);
  expect(await shownTokens(page, 1)).toEqual(before);

  await page.getByLabel('Patch file').setInputFiles(payload(file.name, file.bytes));
  await expect(page.getByRole('switch')).toBeChecked();
  await expect(page.getByRole('region', { name: 'History' })).toContainText(EDITS[0].subject);
  await expect(topToken(page, 1)).toContainText(EDITS[0].object);
  expect(await shownTokens(page, 1)).toEqual(edited);
});

test('a model dropped anywhere on the page is opened; what is none is refused; a reload says which one it was', async ({
  page,
}) => {
  await open(page);
  const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  const files = (await filesOf(TINY, names)).map(({ name, buffer }) => [name, buffer.toString('base64')] as const);
  const drop = (dropped: typeof files) =>
    page.evaluate((all) => {
      const dataTransfer = new DataTransfer();
      for (const [name, text] of all) {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        dataTransfer.items.add(new File([bytes], name));
      }
      document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
    }, dropped);
  await drop(files.slice(0, 2));
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('alert')).toContainText('Not found among the 2 files: tokenizer.json.');
  await page.keyboard.press('Escape');
  await drop(files);
  await expect(page.getByRole('banner')).toContainText('62,528 parameters');

  await page.reload();
  await expect(page.getByRole('banner')).toContainText('7.9 M parameters');
  const before = page.getByRole('region', { name: 'The model before' });
  await expect(before).toContainText('local model was open before');
  await before.getByRole('button', { name: 'Choose it again…' }).click();
  await page.getByLabel('Model files').setInputFiles(await filesOf(TINY, names));
  await expect(page.getByRole('banner')).toContainText('62,528 parameters');
  await expect(before).toHaveCount(0);
});
