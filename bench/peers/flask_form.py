"""The floor under any Flask service: a view that only reads the form. Nobody logs in, nothing is stored."""

from flask import Flask, Response, request

app = Flask(__name__)

ANSWER = """<dataPostResponse>
<valid>true</valid>
<uniqueid>01M80FYQ26EMFBJ158VTG4JTK3</uniqueid>
<sale_amount>25.00</sale_amount>
<customerid/>
<email/>
<note>Lead submitted successfully</note>
</dataPostResponse>
"""


@app.post("/leads")
def receive_lead():
    request.form.to_dict()
    return Response(ANSWER, mimetype="application/xml")
