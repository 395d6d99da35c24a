import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';

/** More than any page has between two things. */
const mostTabs = 80;

/** Somebody who has no pointer, or can't use one. */
export class Keyboard {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Goes on by Tab until it is there; fails where Tab never leads to it. */
  async reach(target: Locator): Promise<void> {
    await target.waitFor();
    const focused = target.and(this.#page.locator(':focus'));
    for (let tabs = 0; (await focused.count()) === 0; tabs += 1) {
      assert.ok(tabs < mostTabs, `the keyboard does not lead to ${String(target)}`);
      await this.#page.keyboard.press('Tab');
    }
  }

  async press(target: Locator, key = 'Enter'): Promise<void> {
    await this.reach(target);
    await this.#page.keyboard.press(key);
  }
}
