import assert from "node:assert/strict";
import { test } from "node:test";
import { place } from "../src/bell_place.ts";

const screen = { width: 1000, height: 700 };
const panel = { width: 360, height: 400 };
const bell = (left: number, top: number) => ({ left, top, right: left + 40, bottom: top + 40 });

test("a panel stays on screen, wherever its bell is", () => {
  for (const rtl of [false, true]) {
    for (let left = -20; left <= 980; left += 20) {
      for (let top = -20; top <= 680; top += 20) {
        const p = place(bell(left, top), panel, screen, rtl);
        const where = `bell at ${left}, ${top}, rtl ${rtl}`;
        assert.ok(p.left >= 8 && p.left + panel.width <= 992, where);
        const height = Math.min(panel.height, p.maxHeight);
        const from = p.top ?? screen.height - p.bottom! - height;
        assert.ok(from >= -20 && from + height <= 700, where);
        assert.ok(height > 250, `${where}: ${height} pixels are left`);
      }
    }
  }
});

test("it hangs below the bell, at its end; above where there is more room", () => {
  assert.deepEqual(place(bell(900, 10), panel, screen, false), { left: 580, top: 58, maxHeight: 634 });
  assert.deepEqual(place(bell(10, 10), panel, screen, true), { left: 10, top: 58, maxHeight: 634 });
  assert.deepEqual(place(bell(900, 650), panel, screen, false), { left: 580, bottom: 58, maxHeight: 634 });
});
