// Shows the streams in the page itself. Without JavaScript the links open them as text, which works as well.
"use strict";

// The demo may listen elsewhere than the page says.
for (const origin of document.querySelectorAll("[data-origin]")) origin.textContent = location.origin;

for (const panel of document.querySelectorAll("[data-live]")) {
	const select = panel.querySelector("select");
	const start = panel.querySelector("[data-start]");
	const stop = panel.querySelector("[data-stop]");
	const output = panel.querySelector("output");
	let running = null;

	const write = text => {
		output.textContent += text;
		output.scrollTop = output.scrollHeight;
	};
	const finish = text => {
		if (!running) return;
		running.end();
		running = null;
		write(text + "\n");
		start.disabled = false;
		stop.disabled = true;
	};

	// A stream is read piece by piece as it comes.
	const read = async url => {
		const control = new AbortController();
		running = { end: () => control.abort() };
		const mine = running;
		try {
			const response = await fetch(url, { signal: control.signal });
			const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
			for (;;) {
				const { done, value } = await reader.read();
				if (done) break;
				if (mine === running) write(value);
			}
			if (mine === running) finish("— the program has ended");
		} catch (problem) {
			if (mine === running) finish("— broken off: " + problem.message);
		}
	};

	// The browser understands events by itself. It would come back for more for ever; the program's last event is the tenth.
	const listen = url => {
		const source = new EventSource(url);
		running = { end: () => source.close() };
		source.onmessage = event => {
			write(`${event.data}\n`);
			if (event.lastEventId === "10") finish("— that was the last event");
		};
		source.onerror = () => finish("— the connection was lost");
	};

	start.addEventListener("click", () => {
		output.textContent = "";
		start.disabled = true;
		stop.disabled = false;
		const url = select.value;
		url.includes("/sse.") ? listen(url) : read(url);
	});
	stop.addEventListener("click", () => finish("— stopped"));
	panel.hidden = false;
}
