/**
 * The licences of what the built page contains: `THIRD_PARTY_NOTICES.md` for data and models, and after it the licence
 * texts of the libraries the page is bundled from. Minifying takes them out of the code, so they ship as a file.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const LICENSE_FILE = /^(licen[cs]e|copying|notice|thirdpartynotices)/i;

/**
 * The texts of every installed package that is not for development only; equal texts stand once.
 * @param {string} root the project's folder
 */
export function collectLicenses(root) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  /** @type {Map<string, string[]>} licence text → packages under it */
  const packagesByText = new Map();
  for (const [path, entry] of Object.entries(lock.packages)) {
    const folder = join(root, path);
    if (path === '' || entry.dev === true || !existsSync(folder)) continue;
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const texts = readdirSync(folder, { withFileTypes: true })
      .filter((file) => file.isFile() && LICENSE_FILE.test(file.name))
      .map((file) => readFileSync(join(folder, file.name), 'utf8').trim());
    const text = texts.length > 0 ? texts.join('\n\n') : `Licence: ${license} (the package comes without its text)`;
    packagesByText.set(text, [...(packagesByText.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const libraries = [...packagesByText].map(([text, packages]) => `${packages.join('\n')}\n\n${text}`);
  const rule = `\n\n${'-'.repeat(80)}\n\n`;
  return [readFileSync(join(root, 'THIRD_PARTY_NOTICES.md'), 'utf8').trim(), ...libraries].join(rule) + '\n';
}

/**
 * Puts the licences into the build as `licenses.txt`.
 * @param {string} root the project's folder
 * @returns {import('vite').Plugin}
 */
export function licenses(root) {
  return {
    name: 'licenses',
    apply: 'build',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: collectLicenses(root) });
    },
  };
}
