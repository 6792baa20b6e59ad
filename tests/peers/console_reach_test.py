#!/usr/bin/env python3
"""Goal: the console can be used without a mouse and read with weak eyes: Tab reaches whatever can be
used, each with a visible ring, Enter opens views, and all text has the contrast of WCAG 2 AA.
Method: headless Chromium on the real program with mail that waits; keys as a keyboard sends them,
contrast computed from the styles in force, light and dark.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import wait_until  # noqa: E402
import console_page_test  # noqa: E402

TABS_MAX = 150
# Of each visible text: its contrast with what is below it, and what it must be (WCAG 2.2, 1.4.3).
CONTRAST = """(() => {
  const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(rgba(getComputedStyle(e).backgroundColor));
    return layers.reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!walker.currentNode.data.trim() || !e.checkVisibility({ visibilityProperty: true }) || !box.width) continue;
    if (e.closest('svg, :disabled, noscript')) continue;
    const below = ground(e), ink = over(rgba(style.color), below);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    texts.push({ text: walker.currentNode.data.trim().slice(0, 40), at: e.tagName + '.' + e.className,
      contrast: (a + 0.05) / (b + 0.05), needed: large ? 3 : 4.5 });
  }
  return texts;
})()"""
# Gives what can be used a number, and says which there are and where the focus is. The counts in the menu
# come and go with the mail that waits.
NAME = "(e) => e.outerHTML.replace(/<span class=.tally.>[^<]*<[/]span>/, '').slice(0, 120)"
USABLE = """(() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter((e) => !e.disabled && e.type !== 'hidden' && e.checkVisibility({ visibilityProperty: true }));
  all.forEach((e, i) => { e.dataset.reached ??= String(i); });
  return all.map(%s);
})()""" % NAME
FOCUS = """(() => {
  const e = document.activeElement, style = getComputedStyle(e);
  return [(%s)(e), e === document.body,
    (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'];
})()""" % NAME


class Reach(console_page_test.Console):
    test_every_view = test_hold_and_delete = test_suppress_and_remove = test_suspend_and_resume = None

    def places(self):
        queue_id = self.server.queue()[0]["queue_id"]
        return (("#/overview", "greylisted"), ("#/queue", "slow.example"), ("#/messages", queue_id),
                ("#/messages/sent", "acme"), (f"#/messages/{queue_id}", "delivered"), ("#/destinations", "Rate"),
                ("#/tenants", "acme"), ("#/holds", "Nothing is suspended"), ("#/suppressions?tenant=acme", "no mail of acme"),
                ("#/webhooks", "Nobody has asked"))

    def open(self):
        self.page.open(self.base + "/console/")
        self.page.wait("document.querySelector('#state').innerText.includes('accepting')", "it is there")

    def press(self, key, code):
        for kind in ("rawKeyDown" if key == "Tab" else "keyDown", "keyUp"):
            self.page.ask("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
                                                     **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {})})

    def test_text_has_contrast(self):
        self.open()
        for scheme in ("light", "dark"):
            self.page.ask("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
            for place, sign in self.places():
                with self.subTest(scheme=scheme, view=place):
                    self.view(place, sign)
                    texts = self.page.run(CONTRAST)
                    self.assertGreater(len(texts), 15)
                    weak = [one for one in texts if one["contrast"] < one["needed"]]
                    self.assertEqual(weak, [])

    def test_tab_reaches_everything(self):
        self.open()
        for place, sign in self.places():
            with self.subTest(view=place):
                self.view(place, sign)
                self.page.run("void document.activeElement.blur()")
                usable, reached, rounds = set(self.page.run(USABLE)), set(), 0
                self.assertGreater(len(usable), 8)
                for _ in range(TABS_MAX):
                    self.press("Tab", 9)
                    shown, nowhere, ring = self.page.run(FOCUS)
                    rounds += nowhere  # from where the focus was to the end, and once from the beginning
                    if rounds == 2:
                        break
                    self.assertTrue(nowhere or ring, f"no ring around {shown}")
                    reached.add(shown)
                    usable &= set(self.page.run(USABLE)) | reached  # lists are drawn anew
                    if usable <= reached:
                        break
                self.assertEqual(usable - reached, set())

    def test_enter_opens_a_view(self):
        self.open()
        self.page.run("void document.querySelector('#nav a[href=\"#/destinations\"]').focus()")
        self.press("Enter", 13)
        self.page.wait("document.querySelector('main').innerText.includes('Next hops')", "the view is open")
        self.page.run("void document.querySelector('a.skip').focus()")
        self.press("Enter", 13)
        wait_until(lambda: self.page.run("document.activeElement.id") == "view", "the content has the focus")


if __name__ == "__main__":
    unittest.main(verbosity=2)
