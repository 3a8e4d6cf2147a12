"""`imageclef serve CONFIG`: a caption, the concepts or a report for an image that is sent over HTTP.

    POST /predict   multipart/form-data: the file `image` and, where the prompt reads {{ context }}, text fields such
                    as age, sex and indication
                    -> {"task", "value", "text", "unmapped", "edits", "seconds", "model", "disclaimer"}
    GET  /health    status, task, model, queue, limits
    GET  /          a page to try it

    curl -F image=@chest.png http://127.0.0.1:8000/predict
    # {"task": "caption_prediction", "value": "Chest x-ray showing ...", "seconds": 0.41, ...}

`value` is a caption, a list of {"cui", "name"}, or {"findings", "impression", "labels"}. What is not answered gets
{"error": {"what", "where", "mend"}} and a status: 403 sent by another site's page, 408 sent too slowly, 413 too large,
415 no form, 422 no image or none that can be opened, 429 too many requests, 500 the model failed, 503 queue full.

commands.py   the verb                  service.py    a config's model, asked as a run asks it
app.py        the three addresses       batching.py   what waits is answered together
limits.py     sizes, rates, refusals    uploads.py    from a request to an image, in memory

Images are neither written to disk nor logged.
"""
