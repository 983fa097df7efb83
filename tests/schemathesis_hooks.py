"""For schemathesis: an answer in XML is read too, so that it is held to its schema."""

import schemathesis
from lxml import etree


@schemathesis.deserializer("application/xml")
def read_xml(_context, response):
    return {element.tag: element.text or "" for element in etree.fromstring(response.content)}
