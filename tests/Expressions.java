import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPathFactory;

/** Reads lines of (regex|xpath, expression, document), in Base64, and writes what each takes by find() and matches(). */
class Expressions {
    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] parts = line.split(" ");
            String expression = decode(parts[1]), document = decode(parts[2]);
            if (parts[0].equals("xpath")) {
                byte[] bytes = document.getBytes(StandardCharsets.UTF_8);
                var tree = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new ByteArrayInputStream(bytes));
                String taken = XPathFactory.newInstance().newXPath().evaluate(expression, tree);
                System.out.println(encode(taken) + " " + encode(taken));
            } else {
                Matcher found = Pattern.compile(expression).matcher(document), whole = Pattern.compile(expression).matcher(document);
                System.out.println(encode(found.find() ? found.group(1) : "") + " " + encode(whole.matches() ? whole.group(1) : ""));
            }
        }
    }

    static String decode(String text) {
        return new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
    }

    static String encode(String text) {
        return "." + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
