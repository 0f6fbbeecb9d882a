/** What goes wrong on the page is told in words, and nothing is lost by it. */
import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';
import { settingsSchemas } from '../../src/engine/methods/registry.ts';
import { readPatchFile, writePatchFile } from '../../src/engine/patches/patch-file.ts';
import {
  downloadPatch,
  EDITS,
  filesOf,
  open,
  openModel,
  payload,
  row,
  run,
  runButton,
  shownTokens,
  topToken,
  typeOneEdit,
  type FilePayload,
} from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

const TINY = 'tests/reference/models/tiny-gpt2';

test.describe('an edit that cannot be made', () => {
  /** A field of the first row with a fault: the words beside it, what was typed, and Run disabled with a reason. */
  async function expectFault(page: Page, label: string, typed: string, words: RegExp): Promise<void> {
    const field = row(page, 1).getByLabel(label, { exact: true });
    await expect(field).toHaveValue(typed);
    await expect(field).toHaveAttribute('aria-invalid', 'true');
    await expect(field).toHaveAccessibleDescription(words);
    await expect(runButton(page)).toBeDisabled();
    await expect(runButton(page)).toHaveAccessibleDescription(words);
  }

  test('without an object or a subject', async ({ page }) => {
    await open(page);
    await typeOneEdit(page);
    const fields = row(page, 1);

    await fields.getByLabel('New object').fill('');
    await page.getByRole('heading', { name: 'Edits' }).click();
    await expectFault(page, 'New object', '', /The new object is empty/);
    await expect(topToken(page, 1)).toContainText(EDITS[0].was);
    await fields.getByLabel('New object').fill('Russian');
    await expect(runButton(page)).toBeEnabled();

    await fields.getByLabel('Subject').fill('  ');
    await expectFault(page, 'Subject', '  ', /The subject is empty/);
    await expect(fields.getByLabel('New object')).toHaveValue('Russian');
    await fields.getByLabel('Subject').fill(EDITS[0].subject);
    await expect(runButton(page)).toBeEnabled();
    await expect(topToken(page, 1)).toContainText(EDITS[0].was);
  });

  test('with a prompt of one’s own that does not fit', async ({ page }) => {
    await open(page);
    await typeOneEdit(page);
    const fields = row(page, 1);
    await fields.getByLabel('Relation').selectOption({ label: 'Free prompt…' });
    const prompt = fields.getByRole('textbox', { name: 'Prompt' });
    const good = await prompt.inputValue();

    const long = `{} ${'went home and '.repeat(60)}said`;
    const cases: { typed: string; label: string; shown: string; words: RegExp }[] = [
      { typed: 'Jean Gaven speaks', label: 'Prompt', shown: 'Jean Gaven speaks', words: /The prompt has no \{\}/ },
      { typed: 'He speaks', label: 'Subject', shown: EDITS[0].subject, words: /not found in the prompt “He speaks”/ },
      { typed: '{} or {} speaks', label: 'Prompt', shown: '{} or {} speaks', words: /The prompt has 2 \{\}/ },
      { typed: long, label: 'Prompt', shown: long, words: /takes \d+ tokens; the model reads 128/ },
    ];
    for (const { typed, label, shown, words } of cases) {
      await prompt.fill(typed);
      await expectFault(page, label, shown, words);
      await expect(prompt).toHaveValue(typed);
    }

    // The length is told while the object is missing, too, and the other rows are answered all the same.
    await fields.getByLabel('New object').fill('');
    await page.getByRole('button', { name: 'Duplicate edit 1' }).click();
    await row(page, 2).getByRole('textbox', { name: 'Prompt' }).fill(good);
    await expect(topToken(page, 2)).toContainText(EDITS[0].was);
    await expect(prompt).toHaveAccessibleDescription(/takes \d+ tokens; the model reads 128/);
    await page.getByRole('button', { name: 'Remove edit 2' }).click();

    await prompt.fill(good);
    await fields.getByLabel('New object').fill('Russian');
    await expect(runButton(page)).toBeEnabled();
    await expect(topToken(page, 1)).toContainText(EDITS[0].was);
  });
});

test('a patch file that cannot be used leaves the history as it was', async ({ page }) => {
  await open(page);
  await typeOneEdit(page);
  await run(page);
  await expect(topToken(page, 1)).toContainText(EDITS[0].object);
  const edited = await shownTokens(page, 1);
  const { bytes } = await downloadPatch(page);
  const patch = await readPatchFile(bytes, settingsSchemas());
  const foreign = { ...patch, id: 'another', modelHash: 'ab'.repeat(32), modelName: 'Another model' };
  const model = await readFile(`${TINY}/model.safetensors`);

  const history = page.getByRole('region', { name: 'History' });
  const cases: { file: FilePayload; words: RegExp }[] = [
    { file: payload('cut.safetensors', bytes.subarray(0, bytes.length - 100)), words: /cannot be read as a patch/ },
    {
      file: payload('foreign.safetensors', await writePatchFile(foreign)),
      words: /was made with the model “Another model”; the open model is “/,
    },
    { file: payload('notes.txt', 'Buy milk, and then some bread.'), words: /cannot be read as a patch/ },
    { file: payload('empty.safetensors', ''), words: /cannot be read as a patch/ },
    { file: payload('model.safetensors', model), words: /is a safetensors file, but not a patch/ },
  ];
  for (const { file, words } of cases) {
    await page.getByLabel('Patch file').setInputFiles(file);
    const notice = history.getByRole('alert');
    await expect(notice).toContainText(words);
    await expect(notice).toContainText('as they were');
    await expect(page.getByRole('switch')).toHaveCount(1);
    await expect(page.getByRole('switch')).toBeChecked();
    await notice.getByRole('button', { name: 'Dismiss' }).click();
    await expect(notice).toHaveCount(0);
  }
  expect(await shownTokens(page, 1)).toEqual(edited);
  await expect(runButton(page)).toBeEnabled();
});

test('a model that cannot be opened leaves the one that was open at work', async ({ page }) => {
  await open(page);
  await typeOneEdit(page);
  const before = await shownTokens(page, 1);
  const rest = await filesOf(TINY, ['config.json', 'tokenizer.json', 'tokenizer_config.json']);
  const weights = await readFile(`${TINY}/model.safetensors`);

  /** The weights with their header edited in place; its length must stay. */
  function withHeader(from: string, to: string): Buffer {
    expect(to).toHaveLength(from.length);
    const text = weights.toString('latin1');
    expect(text).toContain(from);
    return Buffer.from(text.replace(from, to), 'latin1');
  }
  const hugeHeader = Buffer.from(weights);
  hugeHeader.writeBigUInt64LE(2n ** 63n - 1n);

  const cases: { weights: Buffer; words: RegExp }[] = [
    { weights: weights.subarray(0, weights.length >> 1), words: /Tensor “transformer\.h\.\d.*”/ },
    { weights: withHeader('"dtype":"F32"', '"dtype":"I32"'), words: /is stored as I32; weights are read from F32/ },
    { weights: hugeHeader, words: /is not a safetensors file: its header would have 9223372036854775807 bytes/ },
    { weights: withHeader('"data_offsets":[0,384]', '"data_offsets":[0,999]'), words: /Tensor “transformer\.h\.0/ },
    { weights: withHeader('{"__metadata__"', '["__metadata__"'), words: /is not a safetensors file/ },
  ];
  const header = page.getByRole('banner');
  const failure = header.getByRole('alert');
  for (const { weights: faulty, words } of cases) {
    await openModel(page, [payload('model.safetensors', faulty), ...rest]);
    await expect(failure).toContainText('The model could not be loaded');
    await expect(failure).toContainText(words);
    await expect(header).toContainText('7.9 M parameters');
    await expect(runButton(page)).toBeEnabled();
    expect(await shownTokens(page, 1)).toEqual(before);
  }

  await openModel(page, [payload('model.safetensors', weights), ...rest.slice(1)]);
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('alert')).toContainText('config.json');
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);

  // Not only shown, but asked.
  await row(page, 1).getByLabel('Subject').fill('Jean Gaven');
  await expect(row(page, 1)).toContainText('Gaven');
  await expect(topToken(page, 1)).toContainText('French');
  await expect(runButton(page)).toBeEnabled();
});

test('a cancelled run changes nothing, and the next one works', async ({ page }) => {
  await open(page);
  await typeOneEdit(page);
  const before = await shownTokens(page, 1);
  // So small a step never gets there: the run lasts until it is stopped.
  await page.getByLabel('Steps', { exact: true }).fill('1000');
  await page.getByLabel('Learning rate', { exact: true }).fill('0.000001');
  await runButton(page).click();
  const progress = page.getByRole('region', { name: 'Progress' });
  await expect(progress).toContainText('0 of 1 edits');
  await expect(runButton(page)).toBeDisabled();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(progress).toContainText(/Cancelled after .* The model and the history are as they were before/);
  await expect(page.getByRole('switch')).toHaveCount(0);
  expect(await shownTokens(page, 1)).toEqual(before);

  await page.getByRole('button', { name: 'Reset to preset' }).click();
  await run(page);
  await expect(progress).toContainText('Done in');
  await expect(topToken(page, 1)).toContainText(EDITS[0].object);
});

test('a killed worker and a reload in the middle of a run lose nothing that was found, and other tabs see what is made', async ({
  page,
  context,
}) => {
  await open(page);
  await typeOneEdit(page);
  const other = await context.newPage();
  await open(other);
  const progress = page.getByRole('region', { name: 'Progress' });
  const slow = async (): Promise<void> => {
    await page.getByLabel('Steps', { exact: true }).fill('1000');
    await page.getByLabel('Learning rate', { exact: true }).fill('0.000001');
    await runButton(page).click();
    await expect(progress).toContainText('0 of 1 edits');
  };
  await run(page);
  await expect(progress).toContainText('1 of 1 edits took');
  await expect(other.getByRole('switch')).toBeChecked();
  await other.getByRole('switch').click();
  await expect(page.getByRole('switch')).not.toBeChecked();
  // Rows and settings are those of both tabs.
  await other.getByRole('button', { name: 'Add edit' }).click();
  await row(other, 2).getByLabel('Subject').fill('Oslo');
  await expect(row(page, 2).getByLabel('Subject')).toHaveValue('Oslo');
  await row(page, 2).getByLabel('New object').fill('Rome');
  await expect(row(other, 2).getByLabel('New object')).toHaveValue('Rome');
  await row(other, 2)
    .getByRole('button', { name: /Remove/ })
    .click();
  await expect(row(page, 2)).toHaveCount(0);
  await page.getByLabel('Steps', { exact: true }).fill('24');
  await expect(other.getByLabel('Steps', { exact: true })).toHaveValue('24');
  await page.getByRole('button', { name: 'Reset to preset' }).click();
  await other.close();

  await slow();
  const worker = page.workers().find((each) => /worker-[^/]*\.js/.test(each.url()))!;
  await worker.evaluate(() => self.close());
  const notice = page.getByRole('banner').getByRole('alert');
  await expect(notice).toContainText('worker ended');
  await expect(notice).toContainText('stored in this browser');
  await notice.getByRole('button', { name: 'Restart' }).click();
  await expect(runButton(page)).toBeEnabled();
  await expect(page.getByRole('switch')).not.toBeChecked();

  await slow();
  await page.reload();
  await expect(runButton(page)).toBeEnabled();
  await page.getByRole('button', { name: 'Reset to preset' }).click();
  await run(page);
  await expect(progress).toContainText('1 of 1 edits done, 1 of them kept from before');
  await expect(progress).toContainText('1 of 1 edits took');
});

test('a job that does not hear a cancel can be ended with its worker: the model opens again, nothing else is lost', async ({
  page,
}) => {
  await open(page);
  await typeOneEdit(page);
  await runButton(page).click();
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(page.getByText('Held before its next step.')).toBeVisible();
  // A step that takes for ever: from now on nothing reaches the worker.
  await page.evaluate(() => {
    Object.assign(globalThis, { whole: Object.getOwnPropertyDescriptor(Worker.prototype, 'postMessage') });
    Worker.prototype.postMessage = () => undefined;
  });
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Stopping…' })).toBeDisabled();
  const end = page.getByRole('button', { name: 'End it' });
  await expect(end).toBeVisible();
  await page.evaluate(() => {
    const { whole } = globalThis as unknown as { whole: PropertyDescriptor };
    Object.defineProperty(Worker.prototype, 'postMessage', whole);
  });
  await end.click();
  await expect(runButton(page)).toBeEnabled({ timeout: 600_000 });
  await expect(row(page, 1).getByLabel('Subject')).toHaveValue(EDITS[0].subject);
  await expect(page.getByRole('switch')).toHaveCount(0);
  await run(page);
  await expect(page.getByRole('switch')).toHaveCount(1);
});
