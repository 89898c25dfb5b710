"""What runs in a pod as a service's clients: OpenAI's, with its default retries, one request after the other on some
threads, for some seconds. Prints what came of them as JSON."""

import json
import sys
import threading
import time
from collections import Counter

import openai

URL, SECONDS, THREADS = sys.argv[1], float(sys.argv[2]), 4
SENTENCE = "Good morning. Please hold the line."


def main() -> None:
    """Ask until the time is over."""
    seen: Counter[str] = Counter()
    ends = time.monotonic() + SECONDS

    def ask() -> None:
        client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none")
        while time.monotonic() < ends:
            try:
                answer = client.audio.speech.create(model="steady", voice="default", input=SENTENCE)
                seen[f"{len(answer.content)} bytes"] += 1
            except openai.OpenAIError as error:
                seen[f"{type(error).__name__}: {error}"] += 1

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    print("started", flush=True)
    for thread in threads:
        thread.join()
    print(json.dumps(seen))


main()
