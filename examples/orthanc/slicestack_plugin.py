"""Has every stable CT series of this Orthanc predicted by a Slicestack server, which stores the results here.

In orthanc.json (needs the Python plug-in of Orthanc; Debian: orthanc-python):
  "PythonScript": "/etc/orthanc/slicestack_plugin.py",
  "StableAge": 60,
  "Slicestack": {"Url": "http://127.0.0.1:8080", "Token": "", "Pacs": "orthanc", "Query": "sendTo=orthanc"}

Pacs is the name of this Orthanc in the server's file of archives. Query may name a model, too: "model=lung&sendTo=orthanc".
"""

import json
import queue
import threading
import urllib.error
import urllib.request

import orthanc

SETTINGS = json.loads(orthanc.GetConfiguration()).get("Slicestack", {})
MOST_WAIT = 300  # seconds
WAITING = queue.Queue()
STOPPED = threading.Event()


def facts_of(series):
    """What Orthanc knows of a series, and the UID of its study; None if it is no scan to predict."""
    facts = json.loads(orthanc.RestApiGet(f"/series/{series}"))
    tags = facts["MainDicomTags"]
    # Reports and heat-maps of Slicestack become stable here, too.
    if tags.get("Modality") != "CT" or tags.get("Manufacturer") == "Slicestack":
        return None
    study = json.loads(orthanc.RestApiGet(f"/series/{series}/study"))
    return tags["SeriesInstanceUID"], study["MainDicomTags"]["StudyInstanceUID"], len(facts["Instances"])


def ask(series_uid, study_uid, instances):
    body = {"pacs": SETTINGS.get("Pacs", "orthanc"), "study": study_uid, "series": series_uid}
    headers = {
        "Content-Type": "application/json",
        # A series that becomes stable again without new objects is not predicted twice.
        "Idempotency-Key": f"orthanc-{series_uid}-{instances}",
    }
    if SETTINGS.get("Token"):
        headers["Authorization"] = f"Bearer {SETTINGS['Token']}"
    url = f"{SETTINGS.get('Url', 'http://127.0.0.1:8080')}/v1/predictions?{SETTINGS.get('Query', '')}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def work():
    """Asks for one series after another; a server that is away or full is asked again, ever more rarely."""
    while not STOPPED.is_set():
        wanted = WAITING.get()
        wait = 1
        while wanted is not None and not STOPPED.is_set():
            try:
                ask(*wanted)
                break
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code not in (408, 429):
                    orthanc.LogError(f"Slicestack refuses a series: {error.code} {error.read().decode(errors='replace')}")
                    break
                orthanc.LogWarning(f"Slicestack answers {error.code}; asked again in {wait} s")
            except OSError as error:
                orthanc.LogWarning(f"Slicestack cannot be reached ({error}); asked again in {wait} s")
            STOPPED.wait(wait)
            wait = min(MOST_WAIT, 2 * wait)


def on_change(change, _level, resource):
    if change == orthanc.ChangeType.STABLE_SERIES:
        wanted = facts_of(resource)
        if wanted is not None:
            WAITING.put(wanted)
    elif change == orthanc.ChangeType.ORTHANC_STOPPED:
        STOPPED.set()
        WAITING.put(None)


threading.Thread(target=work, daemon=True).start()
orthanc.RegisterOnChangeCallback(on_change)
