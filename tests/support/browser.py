"""A headless Chromium for tests of pages: driven over its debugging pipe (file descriptors 3 and 4,
JSON messages that end in NUL), so that nothing but the browser itself is needed."""

import base64
import itertools
import json
import os
import subprocess
import threading

from barid_harness import PATIENCE, find_program, stop_process, wait_until

# What a page does wrong is kept in the page until it is asked for.
WATCH = """
  window.problems = [];
  addEventListener("securitypolicyviolation", (event) =>
    window.problems.push("policy: " + event.violatedDirective + " " + event.blockedURI));
"""


def chromium():
    return find_program("chromium") or find_program("chromium-browser")


class Browser:
    def __init__(self, directory, width=1280, height=800):
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()

        def arrange():  # in the child: the pipe's ends at the numbers that the browser expects
            os.dup2(to_read, 100)
            os.dup2(to_write, 101)
            os.dup2(100, 3)
            os.dup2(101, 4)

        self.log = open(os.path.join(directory, "chromium.log"), "wb")
        self.process = subprocess.Popen(
            [chromium(), "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
             "--disable-component-update", "--no-first-run", "--no-default-browser-check", "--mute-audio",
             "--disable-sync", "--disable-features=Translate,MediaRouter,OptimizationHints,IsolateSandboxedIframes", "--hide-scrollbars",
             f"--user-data-dir={directory}/profile", f"--window-size={width},{height}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, close_fds=False, preexec_fn=arrange)
        os.close(to_read)
        os.close(to_write)
        self.numbers = itertools.count(1)
        self.answers, self.events = {}, []
        self.arrived = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        self.resize(width, height)

    def read(self):
        rest = b""
        while chunk := os.read(self.read_end, 1 << 20):
            *messages, rest = (rest + chunk).split(b"\0")
            with self.arrived:
                for text in messages:
                    message = json.loads(text)
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.events.append(message)
                self.arrived.notify_all()

    def call(self, method, parameters=None, session=None):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        with self.arrived:
            if not self.arrived.wait_for(lambda: number in self.answers, PATIENCE):
                raise AssertionError(f"the browser does not answer {method}")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def ask(self, method, parameters=None):
        return self.call(method, parameters, self.session)

    def resize(self, width, height, mobile=False):
        self.ask("Emulation.setDeviceMetricsOverride",
                 {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile})

    def open(self, url):
        self.ask("Page.navigate", {"url": url})

    def run(self, expression):
        """The value of a JavaScript expression, promises awaited."""
        done = self.ask("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True,
                                             "userGesture": True})
        if "exceptionDetails" in done:
            raise AssertionError(f"{expression}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def wait(self, expression, what=None):
        """Until the expression is true; an exception counts as not yet."""
        def holds():
            return self.run(f"(() => {{ try {{ return Boolean({expression}); }} catch {{ return false; }} }})()")
        try:
            return wait_until(holds, what or expression, every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page says: {self.run('document.body.innerText')[:2000]}; "
                                 f"problems: {self.problems()}") from None

    def click(self, selector):
        """What a person could click: there, shown and enabled."""
        quoted = json.dumps(selector)
        self.wait(f"document.querySelector({quoted}) && !document.querySelector({quoted}).disabled"
                  f" && document.querySelector({quoted}).offsetParent !== null", f"{selector} can be clicked")
        self.run(f"document.querySelector({quoted}).click()")

    def text(self, selector="body"):
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def problems(self):
        """Errors of scripts, of the console, of requests, and what the page's policy forbade."""
        found = list(self.run("window.problems || []"))
        with self.arrived:
            events = list(self.events)
        for event in events:
            name, data = event["method"], event["params"]
            if name == "Runtime.exceptionThrown":
                found.append(json.dumps(data["exceptionDetails"])[:500])
            elif name == "Runtime.consoleAPICalled" and data["type"] in ("error", "assert"):
                found.append(json.dumps(data["args"])[:500])
            elif name == "Log.entryAdded" and data["entry"]["level"] == "error":
                found.append(json.dumps(data["entry"])[:500])
        return found

    def requests(self):
        with self.arrived:
            return [event["params"]["request"]["url"] for event in self.events
                    if event["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path):
        data = self.ask("Page.captureScreenshot", {"format": "png"})["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        stop_process(self.process)
        os.close(self.write_end)
        self.log.close()
